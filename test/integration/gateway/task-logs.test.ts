// Run logs over HTTP: pages, and streams that end with the task.
import { deflateRawSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { writeLog } from '../../../src/core/db/logs/write-log.ts';
import { encodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { logsAnswer } from '../../../src/http/log-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, gateway, get } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, gateway, get } = opened));
let task_id: number;
let assignment_id: number;
const bytes = new Map<number, number>();

it.beforeEach(async () => {
  bytes.clear();
  const device = await insertDevice(session, names, { device_id: 'w1' });
  task_id = await insertTask(session, names, { status: 'running', attempt: 1 });
  ({ assignment_id } = await insertAttempt(session, names, { device, task_id }));
});

/** Prints lines as one piece. */
async function print(lines: string[], { attempt = 1, source = 'stdout' as 'stdout' | 'stderr', gap = 0 } = {}) {
  const body = encodeLines(lines.map((text, n) => ({ at: 1_700_000_000_000 + n, source, text })));
  const from_byte = (bytes.get(attempt) ?? 0) + gap;
  const to_byte = from_byte + Buffer.byteLength(body);
  bytes.set(attempt, to_byte);
  const piece = { task_id, attempt, device_id: 'w1', from_byte, to_byte, line_count: lines.length };
  await writeLog(session, names, [{ ...piece, body: deflateRawSync(body) }]);
}

async function end(status = 'done') {
  const ended = `status = 'completed', completed_at = UTC_TIMESTAMP(3) - INTERVAL 5 SECOND`;
  await session.write(`UPDATE ${names.assignment} SET ${ended} WHERE id = ?`, [assignment_id]);
  await session.write(`UPDATE ${names.task} SET status = ? WHERE id = ?`, [status, task_id]);
}

const logs = (query: string) => get(`/tasks/${task_id}/logs?${query}`);
const page = async (query = '') => {
  const { status, json } = await logs(query);
  expect(status, JSON.stringify(json)).toBe(200);
  expectDescribed(logsAnswer, json);
  return json;
};
const texts = (json: { entries: Array<{ text?: string }> }) => json.entries.flatMap((one) => one.text ?? []);

/** Events as they come. */
async function* events(query: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  const path = `${gateway.url}/api/v1/tasks/${task_id}/logs?${query}`;
  const response = await fetch(path, { headers, signal: gone.signal });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  try {
    let rest = '';
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split('\n').map((line) => [line.split(': ')[0], line.slice(line.indexOf(': ') + 2)]),
        );
        if (fields.event !== undefined) yield { event: fields.event, id: fields.id, data: JSON.parse(fields.data!) };
      }
    }
  } finally {
    gone.abort();
  }
}

describe('a page of a run log', () => {
  it('has lines, gaps and ends, each once, however small the pages are', async () => {
    const nothing = await page();
    expect(nothing).toMatchObject({ ended: false, more: false });
    await print(['a', 'b', 'c']);
    expect(texts(await page(`cursor=${nothing.cursor}`))).toEqual(['a', 'b', 'c']);
    await print(['d', 'e'], { gap: 100 });
    await end();
    const whole = await page();
    const kinds = whole.entries.map((one: { kind: string }) => one.kind).join(' ');
    expect(kinds).toBe('attempt line line line gap line line attempt_end');
    expect(whole).toMatchObject({ ended: true, more: false });
    const parts = [];
    for (let one = { cursor: '', ended: false }; !one.ended; ) {
      const next = await page(`limit=1${one.cursor && `&cursor=${one.cursor}`}`);
      parts.push(...next.entries);
      one = next;
    }
    expect(parts).toEqual(whole.entries);
  });

  it('has the lines that are wanted: of a stream, with a text, since a time, of an attempt', async () => {
    await print(['alpha', 'beta (1)']);
    await print(['gamma (1)'], { source: 'stderr' });
    await end();
    for (const [query, wanted] of [
      ['stream=stderr', ['gamma (1)']],
      // A text, no pattern.
      [`grep=${encodeURIComponent('(1)')}`, ['beta (1)', 'gamma (1)']],
      ['grep=.*', []],
      ['since=2023-11-14T22:13:20.001Z', ['beta (1)']],
      ['attempt=1', ['alpha', 'beta (1)', 'gamma (1)']],
    ] as const)
      expect(texts(await page(query)), query).toEqual(wanted);
    expect([(await logs('attempt=2')).status, (await logs('strem=stderr')).status]).toEqual([404, 400]);
  });

  it('is bounded in what it reads and answers: lines that nobody wants are passed over a page at a time', async () => {
    const long = 'x'.repeat(100_000);
    for (let n = 0; n < 12; n += 1) await print(Array.from({ length: 10 }, () => long));
    await print(['needle']);
    await end();
    const first = await page('grep=needle');
    expect(first).toMatchObject({ more: true, ended: false });
    expect(texts(first)).toEqual([]);
    expect(texts(await page(`grep=needle&cursor=${first.cursor}`))).toEqual(['needle']);
    expect(JSON.stringify(await page()).length).toBeLessThan(2_000_000);
  });
});

describe('a log that is followed', () => {
  it('goes on with the next attempt, and ends when the task has', async () => {
    await print(['first']);
    const seen: string[] = [];
    for await (const { event, data } of events('follow=1')) {
      seen.push(event === 'end' ? 'end' : `${data.kind} ${data.text ?? data.attempt}`);
      if (data.text === 'first') await print(['second']);
      if (data.text === 'second') {
        await end('pending');
        const device = await insertDevice(session, names, { device_id: 'w2' });
        await session.write(`UPDATE ${names.task} SET status = 'running', attempt = 2 WHERE id = ?`, [task_id]);
        ({ assignment_id } = await insertAttempt(session, names, { device, task_id, columns: { attempt: 2 } }));
        await print(['third'], { attempt: 2 });
      }
      if (data.text === 'third') await end();
    }
    const first = ['attempt 1', 'line first', 'line second', 'attempt_end 1'];
    expect(seen).toEqual([...first, 'attempt 2', 'line third', 'attempt_end 2', 'end']);
  });

  it('goes on behind the last id that a client has seen', async () => {
    await print(['a', 'b']);
    const headers = { accept: 'text/event-stream' };
    let last: string | undefined;
    for await (const { id } of events('', headers)) {
      last = id;
      if (id !== undefined) break;
    }
    await print(['c']);
    await end();
    const seen = [];
    for await (const { data } of events('', { ...headers, 'last-event-id': last! })) seen.push(data.text);
    expect(seen).toEqual(['c', undefined, undefined]);
  });

  it('holds no session between two reads; more clients than a gateway can serve are refused, and one that goes makes room', async () => {
    const streams = Array.from({ length: 100 }, () => events('follow=1'));
    for (const one of streams) expect((await one.next()).value).toMatchObject({ event: 'entry' });
    expect(gateway.gateway.requests.busy).toBeLessThanOrEqual(8);
    const refused = await logs('follow=1');
    expect(refused).toMatchObject({ status: 503, json: { code: 'E_TEMPORARY' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    await streams.pop()!.return(undefined);
    await until(async () => {
      const response = await fetch(`${gateway.url}/api/v1/tasks/${task_id}/logs?follow=1`);
      await response.body?.cancel();
      return response.status === 200;
    });
    const [last] = streams;
    await stopGateways();
    expect((await last!.next()).done).toBe(true);
  });
});
