// Run logs over HTTP: pages, and streams that end with the task.
import { deflateRawSync } from 'node:zlib';
import { afterEach, describe, expect } from 'vitest';
import { writeLog } from '../../../src/core/db/logs/write-log.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TableNames } from '../../../src/core/db/table-names.ts';
import { encodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { logsAnswer } from '../../../src/http/log-contract.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { until } from '../../helpers/wait.ts';

let session: Session;
let names: TableNames;
let gateway: TestGateway;
let task_id: number;
let assignment_id: number;
const bytes = new Map<number, number>();

it.beforeEach(async ({ db, given }) => {
  session = given.session;
  names = db.names;
  gateway = await startGateway(db);
  bytes.clear();
  const device = await insertDevice(session, names, { device_id: 'w1' });
  task_id = await insertTask(session, names, { status: 'running', attempt: 1 });
  ({ assignment_id } = await insertAttempt(session, names, { device, task_id }));
});
afterEach(stopGateways);

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
  await session.write(
    `UPDATE ${names.assignment} SET status = 'completed', completed_at = UTC_TIMESTAMP(3) - INTERVAL 5 SECOND WHERE id = ?`,
    [assignment_id],
  );
  await session.write(`UPDATE ${names.task} SET status = ? WHERE id = ?`, [status, task_id]);
}

const page = async (query = '') => {
  const { status, json } = await gateway.call(`/api/v1/tasks/${task_id}/logs?${query}`);
  expect(status, JSON.stringify(json)).toBe(200);
  expectDescribed(logsAnswer, json);
  return json;
};
const texts = (json: { entries: Array<{ text?: string }> }) => json.entries.flatMap((one) => one.text ?? []);

/** Events as they come. */
async function* events(query: string, headers: Record<string, string> = {}) {
  const gone = new AbortController();
  const response = await fetch(`${gateway.url}/api/v1/tasks/${task_id}/logs?${query}`, {
    headers,
    signal: gone.signal,
  });
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
    await print(['a', 'b', 'c']);
    await print(['d', 'e'], { gap: 100 });
    await end();
    const whole = await page();
    expect(whole.entries.map((one: { kind: string }) => one.kind)).toEqual([
      'attempt',
      'line',
      'line',
      'line',
      'gap',
      'line',
      'line',
      'attempt_end',
    ]);
    expect(whole).toMatchObject({ ended: true, more: false });
    const parts = [];
    for (let cursor = ''; ; ) {
      const one = await page(`limit=1${cursor}`);
      parts.push(...one.entries);
      cursor = `&cursor=${one.cursor}`;
      if (one.ended) break;
    }
    expect(parts).toEqual(whole.entries);
  });

  it('goes on where the last one ended, also when there was nothing yet', async () => {
    const first = await page();
    expect(first).toMatchObject({ ended: false, more: false });
    await print(['a']);
    const second = await page(`cursor=${first.cursor}`);
    expect(texts(second)).toEqual(['a']);
    expect(texts(await page(`cursor=${second.cursor}`))).toEqual([]);
  });

  it('has the lines that are wanted: of a stream, with a text, since a time, of an attempt', async () => {
    await print(['alpha', 'beta (1)']);
    await print(['gamma (1)'], { source: 'stderr' });
    await end();
    expect(texts(await page('stream=stderr'))).toEqual(['gamma (1)']);
    // A text, no pattern.
    expect(texts(await page(`grep=${encodeURIComponent('(1)')}`))).toEqual(['beta (1)', 'gamma (1)']);
    expect(texts(await page('grep=.*'))).toEqual([]);
    expect(texts(await page('since=2023-11-14T22:13:20.001Z'))).toEqual(['beta (1)']);
    expect(texts(await page('attempt=1'))).toHaveLength(3);
    expect((await gateway.call(`/api/v1/tasks/${task_id}/logs?attempt=2`)).status).toBe(404);
    expect((await gateway.call(`/api/v1/tasks/${task_id}/logs?strem=stderr`)).status).toBe(400);
  });

  it('is bounded in what it reads: lines that nobody wants are passed over a page at a time', async () => {
    const long = 'x'.repeat(100_000);
    for (let n = 0; n < 12; n += 1) await print(Array.from({ length: 10 }, () => long));
    await print(['needle']);
    await end();
    const first = await page('grep=needle');
    expect(first).toMatchObject({ more: true, ended: false });
    expect(texts(first)).toEqual([]);
    expect(texts(await page(`grep=needle&cursor=${first.cursor}`))).toEqual(['needle']);
    // And in what it answers.
    expect(JSON.stringify(await page()).length).toBeLessThan(2_000_000);
  });
});

describe('a log that is followed', () => {
  it('goes on with the next attempt, and ends when the task has', async () => {
    await print(['first']);
    const stream = events('follow=1');
    const seen: string[] = [];
    for await (const { event, data } of stream) {
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
    expect(seen).toEqual([
      'attempt 1',
      'line first',
      'line second',
      'attempt_end 1',
      'attempt 2',
      'line third',
      'attempt_end 2',
      'end',
    ]);
  });

  it('goes on behind the last id that a client has seen', async () => {
    await print(['a', 'b']);
    let last: string | undefined;
    for await (const { id } of events('', { accept: 'text/event-stream' })) {
      last = id;
      if (id !== undefined) break;
    }
    await print(['c']);
    await end();
    const seen = [];
    for await (const { data } of events('', { accept: 'text/event-stream', 'last-event-id': last! }))
      seen.push(data.text);
    expect(seen).toEqual(['c', undefined, undefined]);
  });

  it('holds no session between two reads, and is let go when its client goes', async () => {
    const streams = Array.from({ length: 30 }, () => events('follow=1'));
    for (const one of streams) expect((await one.next()).value).toMatchObject({ event: 'entry' });
    expect(gateway.gateway.requests.busy).toBeLessThanOrEqual(8);
    expect((await gateway.call('/api/v1/tasks')).status).toBe(200);
    for (const one of streams) await one.return(undefined);
  });

  it('is not followed by more clients than a gateway can serve, and one that goes makes room', async () => {
    const streams = Array.from({ length: 100 }, () => events('follow=1'));
    for (const one of streams) await one.next();
    const refused = await gateway.call(`/api/v1/tasks/${task_id}/logs?follow=1`);
    expect(refused).toMatchObject({ status: 503, json: { code: 'E_TEMPORARY' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    await streams.pop()!.return(undefined);
    await until(async () => {
      const response = await fetch(`${gateway.url}/api/v1/tasks/${task_id}/logs?follow=1`);
      await response.body?.cancel();
      return response.status === 200;
    });
    for (const one of streams) await one.return(undefined);
  });

  it('ends when the gateway stops', async () => {
    const stream = events('follow=1');
    await stream.next();
    await stopGateways();
    expect((await stream.next()).done).toBe(true);
  });
});
