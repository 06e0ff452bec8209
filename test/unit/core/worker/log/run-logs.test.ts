import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import type { LogPiece } from '../../../../../src/core/db/logs/write-log.ts';
import { SecretMask } from '../../../../../src/core/domain/redaction/secret-mask.ts';
import { decodeLines } from '../../../../../src/core/domain/run-log/log-line.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { LogFiles } from '../../../../../src/core/worker/log/log-files.ts';
import { RunLogs } from '../../../../../src/core/worker/log/run-logs.ts';

const MB = 1_048_576;

/** Run logs over a store in memory. `fail`: errors of the next writes, before or after they are done. */
function runLogs(files?: LogFiles) {
  const events = new Events();
  const told: string[] = [];
  for (const name of ['warning', 'note'] as const) events.on(name, ({ message }) => told.push(message));
  const state = { away: undefined as Error | undefined, tries: 0, fail: [] as Array<'before' | 'after'> };
  let stored: LogPiece[] = [];
  const logs = new RunLogs({
    ...{ events, files },
    port: {
      mostBytes: MB,
      async ready() {
        state.tries += 1;
        if (state.away !== undefined) throw state.away;
      },
      async write(pieces, trims) {
        const fail = state.fail.shift();
        if (fail === 'before') throw new Error('the connection was cut');
        stored.push(...pieces);
        for (const { task_id, head, tailFrom } of trims)
          stored = stored.filter((one) => one.task_id !== task_id || one.from_byte < head || one.to_byte > tailFrom);
        if (fail === 'after') throw new Error('the connection was cut');
      },
      async written(attempts) {
        return attempts.flatMap((one) => {
          const last = stored.findLast(({ task_id }) => task_id === one.task_id);
          return last === undefined ? [] : [{ ...one, to_byte: last.to_byte }];
        });
      },
      close: async () => {},
    },
  });
  void logs.start();
  const open = (task_id: number, bytes = MB, onFailure = false) =>
    logs.open({
      ...{ task_id, attempt: 1, device_id: 'd', bytes, onFailure, files },
      mask: () => new SecretMask(['canary']),
    });
  const pieces = (task_id = 1) => stored.filter((one) => one.task_id === task_id);
  const texts = (task_id = 1) =>
    pieces(task_id).flatMap(({ body }) => decodeLines(inflateRawSync(body).toString()).map(({ text }) => text));
  return { logs, state, told, open, pieces, texts };
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'afd-test-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

test('hold a bounded amount of memory while nothing can be written, and say once why', async () => {
  const { logs, state, told, open } = runLogs();
  state.away = new Error('the table is gone');
  const block = Buffer.alloc(MB, 'x\n');
  const add = (id: number, bytes: number) => {
    const log = open(id, bytes);
    log.add('stdout', block.subarray(0, bytes), 0);
    return log;
  };
  for (let n = 0; n < 100; n += 1) add(n, MB).end(false);
  for (let n = 0; n < 10_000; n += 1) add(1000 + n, 100).end(false);
  const running = add(100_000, MB);
  await expect.poll(() => state.tries, { timeout: 10_000 }).toBeGreaterThan(1);
  expect(logs.waiting).toBeLessThanOrEqual(64 * MB);
  // What still runs keeps its beginning.
  expect(running.waiting).toBeGreaterThanOrEqual(MB / 4);
  expect(told).toEqual([expect.stringMatching(/^run logs cannot be written.*: the table is gone$/)]);
  await logs.stop();
});

test('lose no line and have none twice when a write fails, before it is done and after', async () => {
  const { logs, state, told, open, texts } = runLogs();
  state.fail = ['before', 'after'];
  const log = open(1);
  log.addText('stdout', 'one\ntwo', 0);
  await expect.poll(() => state.fail.length, { timeout: 10_000 }).toBe(0);
  log.addText('stdout', 'three', 0);
  log.end(false);
  await logs.stop();
  expect(texts()).toEqual(['one', 'two', 'three']);
  expect(told).toEqual([expect.stringContaining('the connection was cut'), 'run logs are written again']);
});

test('of an attempt that says more than its quota keep the beginning and the newest, with a gap', async () => {
  const { logs, open, pieces, texts } = runLogs();
  const log = open(1, 65_536);
  for (let n = 0; n < 40_000; n += 1) log.addText('stdout', `line ${n} ${'x'.repeat(40)}`, 0);
  log.end(false);
  await logs.stop();
  expect([texts()[0], texts().at(-1)].join()).toMatch(/^line 0 .*,line 39999 /);
  const found = pieces();
  const gaps = found.slice(1).map((one, n) => one.from_byte - found[n]!.to_byte);
  expect(gaps.filter((gap) => gap > 0)).toEqual([expect.any(Number)]);
  expect(Math.max(...gaps)).toBeGreaterThan(1_500_000);
});

test('that are kept on failure only are written for those that failed', async () => {
  const { logs, open, texts } = runLogs();
  for (const id of [1, 2]) {
    const log = open(id, MB, true);
    log.addText('stdout', `of ${id}`, 0);
    log.end(id === 2);
  }
  await logs.stop();
  expect([texts(1), texts(2)]).toEqual([[], ['of 2']]);
});

test('are in files too, up to their limit and without secrets', async () => {
  const at = join(folder(), 'logs');
  const { logs, open, texts } = runLogs(new LogFiles({ folder: at, most: 1000, warn: () => {} }));
  const [short, long] = [open(1), open(2)];
  short.addText('stdout', 'the token is canary\nsecond', 0);
  for (let n = 0; n < 10_000; n += 1) long.addText('stderr', `line ${n} ${'x'.repeat(40)}`, 0);
  for (const one of [short, long]) one.end(false);
  await logs.stop();
  expect(texts()).toEqual(['the token is ***', 'second']);
  const text = (id: number) => readFileSync(join(at, `${id}-1.log`), 'utf8');
  expect(text(1)).toMatch(/^\S+ stdout the token is \*\*\*\n\S+ stdout second\n$/);
  expect(text(2)).toMatch(/This file is full; afd logs shows the rest\.\n$/);
  expect(text(2).length).toBeLessThan(200_000);
});

test('are complete although their files cannot be written, which is said', async () => {
  const file = join(folder(), 'no-folder');
  writeFileSync(file, '');
  const warnings: string[] = [];
  const { logs, open, texts } = runLogs(new LogFiles({ folder: file, most: MB, warn: (one) => warnings.push(one) }));
  open(1).addText('stdout', 'one', 0);
  await logs.stop();
  expect(texts()).toEqual(['one']);
  expect(warnings[0]).toContain('the files of run logs cannot be written');
});
