// examples/python/worker.py against a real gateway.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect } from 'vitest';
import { type Given, it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

const PYTHON = '/usr/bin/python3';
const PROGRAM = fileURLToPath(new URL('../../../examples/python/worker.py', import.meta.url));
const none = spawnSync(PYTHON, ['-c', 'pass']).status === 0 ? undefined : `there is no ${PYTHON}`;

const HANDLERS = `
import os, time
from worker import Later, Permanent

def add(task):
    return {"sum": task.data["a"] + task.data["b"], "text": "héllo 你好"}

def breaks(task):
    raise RuntimeError("it broke")

def never(task):
    raise Permanent("no such account")

def quota(task):
    raise Later("the quota is used up", after="2h")

def gated(task):
    open(os.path.join(os.environ["FOLDER"], f"begun-{task.id}"), "w").close()
    while not os.path.exists(os.path.join(os.environ["FOLDER"], task.data.get("gate", "gate"))):
        if task.cancelled.wait(0.02):
            return None
    return {"gated": True}
`;

const COMMAND = `#!/bin/sh
read -r task
[ "$AFD_TASK_TYPE" = shell ] || exit 1
echo "$task" | grep -q '"fail": true' && { echo "it is bad" >&2; exit 65; }
echo "{\\"result\\": {\\"id\\": $AFD_TASK_ID}}" > "$AFD_RESULT_FILE"
`;

let folder: string;
let given: Given;
const children: ChildProcess[] = [];
it.beforeEach(({ given: one }) => {
  given = one;
  folder = mkdtempSync(join(tmpdir(), 'afd-python-'));
});
afterEach(async () => {
  for (const one of children.splice(0)) one.kill('SIGKILL');
  await stopGateways();
  rmSync(folder, { recursive: true, force: true });
});

function startPython(url: string) {
  writeFileSync(join(folder, 'handlers.py'), HANDLERS);
  writeFileSync(join(folder, 'command.sh'), COMMAND, { mode: 0o755 });
  const args = ['--gateway', url, '--device-id', 'py-1', '--slots', '3', '--handlers', join(folder, 'handlers.py')];
  const command = `shell=${join(folder, 'command.sh')}`;
  const child = spawn(PYTHON, ['-B', PROGRAM, ...args, '--command', command], {
    env: { PATH: process.env.PATH, FOLDER: folder, PYTHONIOENCODING: 'utf-8' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    child,
    exit,
    get log() {
      return log;
    },
    open: () => writeFileSync(join(folder, 'gate'), ''),
    begun: (id: number) => until(() => existsSync(join(folder, `begun-${id}`))),
  };
}

const add = (task_type: string, data: object = {}, more: object = {}) =>
  given.rows.task({ task_type, task_data: JSON.stringify(data), ...more });
const ended = (id: number, status: string) =>
  until(async () => {
    const task = await given.rows.readTask(id);
    return task?.status === status && task;
  });
const attempts = (id: number) =>
  given.session.rows(
    `SELECT attempt, status, error_message, result FROM ${given.db.names.assignment} WHERE task_id = ? ORDER BY attempt`,
    [id],
  );
async function resultOf(id: number): Promise<unknown> {
  await ended(id, 'done');
  return JSON.parse(String((await attempts(id)).at(-1)?.result));
}

describe('the worker in Python', skipBecause(none), () => {
  it('runs functions and commands, and tells how each attempt ended', async ({ db }) => {
    const python = startPython((await startGateway(db)).url);
    const sum = await add('add', { a: 20, b: 22 });
    const quota = await add('quota');
    const shell = await add('shell');
    const failing: Array<[number, string]> = [
      [await add('breaks', {}, { max_retry_count: 0 }), 'RuntimeError: it broke'],
      [await add('never', {}, { max_retry_count: 5 }), 'no such account'],
      [await add('shell', { fail: true }, { max_retry_count: 5 }), 'it is bad'],
    ];
    expect(await resultOf(sum)).toEqual({ sum: 42, text: 'héllo 你好' });
    expect(await resultOf(shell)).toEqual({ id: shell });
    for (const [id, why] of failing) {
      await ended(id, 'failed');
      expect(await attempts(id)).toMatchObject([{ attempt: 1, error_message: expect.stringContaining(why) }]);
    }
    await until(async () => (await attempts(quota))[0]?.status === 'released');
    expect(Math.abs(Number((await given.rows.readTask(quota))?.due_in_s) - 7200)).toBeLessThan(200);
    expect(python.log).toContain('registered as py-1, 3 slots');
  });

  it('lets what runs finish after SIGTERM and takes nothing more, and returns it unspent at the second', async ({
    db,
  }) => {
    const { url } = await startGateway(db);
    const python = startPython(url);
    const running = await add('gated');
    await python.begun(running);
    python.child.kill('SIGTERM');
    await until(() => python.log.includes('draining: 1 running'));
    const late = await add('add', { a: 1, b: 1 });
    python.open();
    expect(await python.exit).toBe(0);
    expect(await resultOf(running)).toEqual({ gated: true });
    // Whatever its last poll got went back.
    await ended(late, 'pending');
    const again = startPython(url);
    await ended(late, 'done');
    const returned = await add('gated', { gate: 'second' });
    await again.begun(returned);
    again.child.kill('SIGTERM');
    await until(() => again.log.includes('draining'));
    again.child.kill('SIGTERM');
    expect(await again.exit).toBe(0);
    expect(await attempts(returned)).toMatchObject([{ attempt: 1, status: 'released' }]);
    expect(await given.rows.readTask(returned)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('goes on when its gateway was away, and delivers what it finished meanwhile', async ({ db }) => {
    const first = await startGateway(db);
    const python = startPython(first.url);
    const running = await add('gated');
    await python.begun(running);
    await first.stop();
    python.open();
    await until(() => python.log.includes('cannot be reached'));
    await startGateway(db, { port: Number(new URL(first.url).port) });
    await ended(running, 'done');
    await ended(await add('add', { a: 1, b: 2 }), 'done');
    expect(python.log).toContain('the gateway answers again');
    expect(await attempts(running)).toMatchObject([{ attempt: 1, status: 'completed' }]);
  });
});
