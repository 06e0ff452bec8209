// The hooks of a module, in each place where it can run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { handlerSchema } from '../../../../src/core/config/config-schema.ts';
import type { HandlerLog } from '../../../../src/core/handlers/handler.ts';
import { loadHandlers } from '../../../../src/core/worker/load-handlers.ts';
import { silentLog, testAttempt } from '../../../fixtures/handlers/attempt.ts';
import { FIXTURES, PATH } from '../../../fixtures/handlers/command.ts';
import { buildThreads } from '../../../fixtures/handlers/thread.ts';
import { folder } from '../config/config-folder.ts';

beforeAll(buildThreads, 300_000);

async function open(isolation: string, how = 'well', more: object = {}) {
  const base_dir = folder({ 'warm.mjs': readFileSync(join(FIXTURES, 'warm.mjs'), 'utf8'), seen: '' });
  const does = (what: string) => writeFileSync(join(base_dir, 'how'), what);
  does(how);
  const said: string[] = [];
  const log = (type: string): HandlerLog => {
    const line = (text: string, fields?: object) =>
      void said.push(`${type}: ${text}${fields ? JSON.stringify(fields) : ''}`);
    return { debug: line, info: line, warn: line, error: line };
  };
  const config = handlerSchema.parse({ module: 'warm.mjs', isolation, ...more });
  const loaded = await loadHandlers({
    ...{ handlers: { a: config, b: config }, supported_tasks: undefined, base_dir, env: { PATH } },
    ...{ kill_grace: 0.5, slots: 4, onWarning: (text) => said.push(text), logOf: log },
  });
  onTestFinished(() => loaded.close());
  return {
    ...{ loaded, said, does },
    seen: () => readFileSync(join(base_dir, 'seen'), 'utf8').split('\n').slice(0, -1),
    run: (attempt = testAttempt(), type = 'a') => loaded.handlers.get(type)!.execute(attempt),
  };
}

const done = (session: unknown) =>
  expect.objectContaining({ kind: 'done', result: expect.objectContaining({ session }) });

describe.each(['none', 'thread', 'process'])('isolation: %s', (isolation) => {
  it('a warm-up that fails fails the attempt; what one gave is there for all later ones, and is cleaned up at the end', async () => {
    const { loaded, run, seen, said, does } = await open(isolation, 'fail');
    expect(seen()).toEqual([]);
    expect(await run()).toEqual({
      ...{ kind: 'retry', error_class: 'RangeError' },
      error_message: 'The warmUp of the handler module failed: no login',
    });
    does('well');
    expect([await run(), await run()]).toEqual([done(2), done(2)]);
    await loaded.close();
    expect(seen()).toEqual(['warmUp 1', 'warmUp 2', 'cleanUp 2']);
    expect(said).toContain('a: warming up 2{"device_id":"worker-1"}');
  });

  it('a warm-up that does not end is given up at the deadline of the attempt, and the next one begins another', async () => {
    const { run, does, seen } = await open(isolation, 'hang');
    const attempt = testAttempt();
    const waiting = run(attempt);
    await vi.waitFor(() => expect(seen()).toEqual(['warmUp 1']), 10_000);
    does('well');
    attempt.abort('timeout');
    expect(await waiting).toEqual({
      kind: 'timeout',
      error_message: 'Timed out after 30 s; the handler had not started: its warmUp had not ended',
    });
    expect(await run()).toEqual(done(2));
    expect(seen()).toEqual(['warmUp 1', 'aborted 1', 'warmUp 2']);
  });

  it('what a warm-up gives when nobody waits for it any more is cleaned up', async () => {
    const { run, seen } = await open(isolation, 'late');
    const attempt = testAttempt();
    const waiting = run(attempt);
    await vi.waitFor(() => expect(seen()).toEqual(['warmUp 1']), 10_000);
    attempt.abort('revoked');
    expect(await waiting).toEqual({ kind: 'released', cause: 'revoked' });
    await vi.waitFor(() => expect(seen()).toEqual(['warmUp 1', 'aborted 1', 'cleanUp late 1']), 10_000);
  });
});

it.each([
  ['none', 'fail in cleanUp', 'failed: no logout'],
  ['thread', 'hang in cleanUp', 'did not end within 0.5 s'],
  ['process', 'hang in cleanUp', 'did not end within 0.5 s'],
])('isolation: %s: "%s" is said, and not waited for', async (isolation, how, said) => {
  const one = await open(isolation, how);
  await one.run();
  await one.loaded.close();
  expect(one.seen()).toEqual(['warmUp 1', 'cleanUp 1']);
  expect(one.said.at(-1)).toBe(`a: cleanUp of the handler module ${said}`);
});

it.each(['none', 'thread'])(
  'isolation: %s: attempts that come together, also of another type, share one warm-up',
  async (isolation) => {
    const { run, seen } = await open(isolation);
    expect(await Promise.all([run(), run(testAttempt(), 'b'), run()])).toEqual([done(1), done(1), done(1)]);
    expect(seen()).toEqual(['warmUp 1']);
  },
);

it.each(['thread', 'process'])(
  'isolation: %s: a warm-up that calls process.exit fails the attempt, not the worker; one that blocks is ended by force',
  async (isolation) => {
    const { run, does, seen } = await open(isolation, 'exit');
    const error_message = expect.stringContaining('process.exit(4)');
    expect(await run()).toMatchObject({ kind: 'retry', error_class: 'ProcessExit', error_message });
    does('block');
    const attempt = testAttempt();
    const waiting = run(attempt);
    // In a place of its own again.
    await vi.waitFor(() => expect(seen()).toEqual(['warmUp 1', 'warmUp 1']), 10_000);
    does('well');
    attempt.abort('timeout');
    expect(await waiting).toMatchObject({ kind: 'timeout', error_message: expect.stringContaining('abort signal') });
    expect(await run()).toEqual(done(1));
  },
);

it('each process warms up for itself, and cleans up before it is replaced', async () => {
  const { run, seen } = await open('process', 'well', { recycle: { tasks: 1 } });
  expect([await run(), await run()]).toEqual([done(1), done(1)]);
  await vi.waitFor(() => expect(seen().filter((one) => one === 'cleanUp 1')).toHaveLength(2), 10_000);
});

it('a hook that is no function is refused when the handler is loaded', async () => {
  const base_dir = folder({ 'bad.mjs': 'export const warmUp = 1;\nexport default () => {};\n' });
  const handlers = { a: handlerSchema.parse({ module: 'bad.mjs' }) };
  const more = { kill_grace: 1, slots: 1, onWarning: () => {}, logOf: () => silentLog };
  const refused = loadHandlers({ handlers, supported_tasks: undefined, base_dir, env: { PATH }, ...more });
  await expect(refused).rejects.toThrow(/exports "warmUp", which is not a function/);
});
