// examples/python/worker.py against a real gateway.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { readTask } from '../../helpers/factories.ts';
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
    while not os.path.exists(os.path.join(os.environ["FOLDER"], "gate")):
        if task.cancelled.wait(0.02):
            return None
    return {"gated": True}
`;

let folder: string;
const children: ChildProcess[] = [];
afterEach(async () => {
  for (const one of children.splice(0)) one.kill('SIGKILL');
  await stopGateways();
  rmSync(folder, { recursive: true, force: true });
});

function startPython(url: string, more: string[] = []) {
  folder = mkdtempSync(join(tmpdir(), 'afd-python-'));
  writeFileSync(join(folder, 'handlers.py'), HANDLERS);
  writeFileSync(
    join(folder, 'command.sh'),
    '#!/bin/sh\nread -r task\n[ "$AFD_TASK_TYPE" = shell ] || exit 1\necho "$task" | grep -q \'"fail": true\' && { echo "it is bad" >&2; exit 65; }\necho "{\\"result\\": {\\"id\\": $AFD_TASK_ID}}" > "$AFD_RESULT_FILE"\n',
    { mode: 0o755 },
  );
  const args = ['--gateway', url, '--device-id', 'py-1', '--slots', '3', '--handlers', join(folder, 'handlers.py')];
  const command = `shell=${join(folder, 'command.sh')}`;
  const child = spawn(PYTHON, ['-B', PROGRAM, ...args, '--command', command, ...more], {
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
    begun: (id: number) =>
      until(() => {
        try {
          return readFileSync(join(folder, `begun-${id}`)) !== undefined;
        } catch {
          return false;
        }
      }),
  };
}

const ended = (session: Session, { names }: TestDatabase, id: number, ...statuses: string[]) =>
  until(async () => {
    const task = await readTask(session, names, id);
    return statuses.includes(String(task?.status)) ? task : undefined;
  });

async function resultOf(session: Session, db: TestDatabase, id: number): Promise<unknown> {
  await ended(session, db, id, 'done');
  return JSON.parse(String((await attempts(session, db, id)).at(-1)?.result));
}

const attempts = (session: Session, { names }: TestDatabase, id: number) =>
  session.rows(
    `SELECT attempt, status, error_message, result FROM ${names.assignment} WHERE task_id = ? ORDER BY attempt`,
    [id],
  );

describe('the worker in Python', { timeout: 120_000, ...skipBecause(none) }, () => {
  const add = (rows: Given['rows'], task_type: string, data: object = {}, more: object = {}) =>
    rows.task({ task_type, task_data: JSON.stringify(data), ...more });

  it('runs functions and commands, and tells how each attempt ended', async ({ db, session, rows }) => {
    const { url } = await startGateway(db);
    const python = startPython(url);
    const sum = await add(rows, 'add', { a: 20, b: 22 });
    const breaks = await add(rows, 'breaks', {}, { max_retry_count: 0 });
    const never = await add(rows, 'never', {}, { max_retry_count: 5 });
    const quota = await add(rows, 'quota');
    const shell = await add(rows, 'shell');
    const bad = await add(rows, 'shell', { fail: true }, { max_retry_count: 5 });
    expect(await resultOf(session, db, sum)).toEqual({ sum: 42, text: 'héllo 你好' });
    expect(await resultOf(session, db, shell)).toEqual({ id: shell });
    await ended(session, db, breaks, 'failed');
    expect(await attempts(session, db, breaks)).toMatchObject([
      { attempt: 1, status: 'failed', error_message: expect.stringContaining('RuntimeError: it broke') },
    ]);
    for (const [id, why] of [
      [never, 'no such account'],
      [bad, 'it is bad'],
    ] as const) {
      await ended(session, db, id, 'failed');
      expect(await attempts(session, db, id)).toMatchObject([
        { attempt: 1, error_message: expect.stringContaining(why) },
      ]);
    }
    await until(async () => (await attempts(session, db, quota))[0]?.status === 'released');
    const due = Number((await readTask(session, db.names, quota))?.due_in_s);
    expect([due > 7000, due < 7300]).toEqual([true, true]);
    expect(python.log).toContain('registered as py-1, 3 slots');
  });

  it('lets what runs finish after SIGTERM, and takes nothing more', async ({ db, session, rows }) => {
    const { url } = await startGateway(db);
    const python = startPython(url);
    const running = await add(rows, 'gated');
    await python.begun(running);
    python.child.kill('SIGTERM');
    await until(() => python.log.includes('draining: 1 running'));
    const late = await add(rows, 'add', { a: 1, b: 1 });
    python.open();
    expect(await python.exit).toBe(0);
    expect(await resultOf(session, db, running)).toEqual({ gated: true });
    // Whatever its last poll got went back.
    await ended(session, db, late, 'pending');
  });

  it('returns what runs at the second signal; this uses no retry', async ({ db, session, rows }) => {
    const { url } = await startGateway(db);
    const python = startPython(url);
    const running = await add(rows, 'gated');
    await python.begun(running);
    python.child.kill('SIGTERM');
    await until(() => python.log.includes('draining'));
    python.child.kill('SIGTERM');
    expect(await python.exit).toBe(0);
    expect(await attempts(session, db, running)).toMatchObject([{ attempt: 1, status: 'released' }]);
    expect(await readTask(session, db.names, running)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('goes on when its gateway was away, and delivers what it finished meanwhile', async ({ db, session, rows }) => {
    const first = await startGateway(db);
    const python = startPython(first.url);
    const running = await add(rows, 'gated');
    await python.begun(running);
    await first.stop();
    python.open();
    await until(() => python.log.includes('cannot be reached'));
    await startGateway(db, { port: Number(new URL(first.url).port) });
    expect((await ended(session, db, running, 'done')).id).toBe(running);
    const next = await add(rows, 'add', { a: 1, b: 2 });
    await ended(session, db, next, 'done');
    expect(python.log).toContain('the gateway answers again');
    expect(await attempts(session, db, running)).toMatchObject([{ attempt: 1, status: 'completed' }]);
  });

  it('ends a handler whose attempt was taken from it, and a task that runs for too long', async ({
    db,
    session,
    rows,
  }) => {
    const { url } = await startGateway(db, { master: { heartbeat_timeout: 3 } });
    const python = startPython(url);
    const long = await add(rows, 'gated', {}, { execution_timeout: 1, max_retry_count: 0 });
    await ended(session, db, long, 'failed');
    expect(await attempts(session, db, long)).toMatchObject([{ status: 'timeout' }]);
    const cancelled = await add(rows, 'gated');
    await python.begun(cancelled);
    await session.write(`UPDATE ${db.names.assignment} SET revoked_at = UTC_TIMESTAMP(3) WHERE task_id = ?`, [
      cancelled,
    ]);
    await until(() => python.log.includes(`task ${cancelled} is not ours any more`));
  });
});
