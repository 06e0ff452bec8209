// Run logs over HTTP: pages, and streams that end with the task.
import { deflateRawSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { writeLog } from '../../../src/core/db/logs/write-log.ts';
import { encodeLines } from '../../../src/core/domain/run-log/log-line.ts';
import { streamOf } from '../../../src/http/client/event-stream.ts';
import { logsAnswer } from '../../../src/http/log-contract.ts';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { expectDescribed } from '../../helpers/answers.ts';
import { insertAttempt } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { stopGateways } from '../../helpers/gateway.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { until } from '../../helpers/wait.ts';

let { session, names, rows, gateway, get } = {} as GatewayApi;
eachWithGateway((opened) => ({ session, names, rows, gateway, get } = opened));
let task_id: number;
const bytes = new Map<number, number>();

const begin = async (device_id: string, attempt: number) =>
  insertAttempt(session, names, { device: await rows.device({ device_id }), task_id, columns: { attempt } });
it.beforeEach(async () => {
  bytes.clear();
  task_id = await rows.task({ status: 'running', attempt: 1 });
  await begin('w1', 1);
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
  await session.write(`UPDATE ${names.assignment} SET ${ended}`);
  await session.write(`UPDATE ${names.task} SET status = ?`, [status]);
}

const page = async (query = '') => {
  const { json } = await get(`/tasks/${task_id}/logs?${query}`);
  expectDescribed(logsAnswer, json);
  return json;
};
type Entry = { kind: string; text?: string; attempt?: number };
const texts = (json: { entries: Entry[] }) => json.entries.flatMap((one) => one.text ?? []);
/** Ends when the gateway says that the log has. */
const follow = (options: { lastEventId?: string } = {}) =>
  streamOf<Entry>(
    { baseUrl: gateway.url },
    { ...OPERATIONS.taskLogs, answers: 'events' },
    { task_id, follow: 1 },
    options,
  );

describe('a page of a run log', () => {
  it('has lines, gaps and ends, each once, however small the pages are', async () => {
    const nothing = await page();
    expect(nothing).toMatchObject({ ended: false, more: false });
    await print(['a', 'b', 'c']);
    expect(texts(await page(`cursor=${nothing.cursor}`))).toEqual(['a', 'b', 'c']);
    await print(['d', 'e'], { gap: 100 });
    await end();
    const whole = await page();
    const kinds = whole.entries.map((one: Entry) => one.kind).join(' ');
    expect(kinds).toBe('attempt line line line gap line line attempt_end');
    expect(whole).toMatchObject({ ended: true, more: false });
    const parts: Entry[] = [];
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
    for (const [query, wanted] of [
      ['stream=stderr', ['gamma (1)']],
      // A text, no pattern.
      [`grep=${encodeURIComponent('(1)')}`, ['beta (1)', 'gamma (1)']],
      ['since=2023-11-14T22:13:20.001Z', ['beta (1)']],
      ['attempt=1', ['alpha', 'beta (1)', 'gamma (1)']],
    ] as const)
      expect(texts(await page(query)), query).toEqual(wanted);
    for (const [query, status] of Object.entries({ 'attempt=2': 404, 'strem=stderr': 400 }))
      expect((await get(`/tasks/${task_id}/logs?${query}`)).status).toBe(status);
  });

  it('is bounded in what it reads and answers: lines that nobody wants are passed over a page at a time', async () => {
    for (let n = 0; n < 12; n += 1) await print(Array.from({ length: 10 }, () => 'x'.repeat(100_000)));
    await print(['needle']);
    const first = await page('grep=needle');
    expect(first).toMatchObject({ more: true, ended: false, entries: [{ kind: 'attempt' }] });
    expect(texts(await page(`grep=needle&cursor=${first.cursor}`))).toEqual(['needle']);
    expect(JSON.stringify(await page()).length).toBeLessThan(2_000_000);
  });
});

describe('a log that is followed', () => {
  it('goes on with the next attempt, and ends when the task has', async () => {
    await print(['first']);
    const seen: string[] = [];
    let last: string | undefined;
    for await (const { id, data } of follow()) {
      seen.push(`${data.kind} ${data.text ?? data.attempt}`);
      if (data.text === 'first') {
        last = id;
        await print(['second']);
      }
      if (data.text === 'second') {
        await end('pending');
        await session.write(`UPDATE ${names.task} SET status = 'running', attempt = 2`);
        await begin('w2', 2);
        await print(['third'], { attempt: 2 });
      }
      if (data.text === 'third') await end();
    }
    const rest = ['line second', 'attempt_end 1', 'attempt 2', 'line third', 'attempt_end 2'];
    expect(seen).toEqual(['attempt 1', 'line first', ...rest]);
    const again: string[] = [];
    for await (const { data } of follow({ lastEventId: last! }))
      again.push(`${data.kind} ${data.text ?? data.attempt}`);
    expect(again, 'behind the last id that a client has seen').toEqual(rest);
  });

  it('holds no session between two reads; more clients than a gateway can serve are refused, and one that goes makes room', async () => {
    const gone = new AbortController();
    const open = (init = {}) => fetch(`${gateway.url}/api/v1/tasks/${task_id}/logs?follow=1`, init);
    const [, ...streams] = await Promise.all(Array.from({ length: 100 }, (_, n) => open(n > 0 ? {} : gone)));
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
    await until(() => gateway.gateway.requests.busy <= 8);
    const refused = await get(`/tasks/${task_id}/logs?follow=1`);
    expect(refused).toMatchObject({ status: 503, json: { code: 'E_TEMPORARY' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    gone.abort();
    await until(async () => {
      streams.push(await open());
      return streams.at(-1)!.status === 200;
    });
    await Promise.all([stopGateways(), ...streams.map((one) => one.text())]);
  });
});
