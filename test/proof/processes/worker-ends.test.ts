// However a worker ends, or a handler tries to end it: the work comes back, and the history says what happened.
import { chmod, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { runCommand } from '../../helpers/command.ts';
import { readTask } from '../../helpers/factories.ts';
import { MINUTES, PATIENCE_MS, Process } from '../../helpers/fleet-process.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

const ENDLESS = 'new Promise(() => setInterval(() => {}, 1000))';
/** A module that ignores its signal for ever; one slot of its worker is gone. */
const HANG = {
  handlers: { hang: { module: './hang.mjs', isolation: 'none', timeout: 0.1 } },
  files: { 'hang.mjs': `export default () => ${ENDLESS};\n` },
};

/** The one attempt of a task, with its texts. */
async function attemptOf(s: Scene, taskId: number) {
  const [row] = await s.session.rows(
    `SELECT status, cause, error_class, error_message FROM ${s.db.names.assignment} WHERE task_id = ? ORDER BY attempt LIMIT 1`,
    [taskId],
  );
  return row!;
}

const shell = (s: Scene, script: string, ...args: string[]) =>
  runCommand(args, { cwd: s.dir, wrapper: ['/bin/bash', '-c', script, 'bash'] });

describe.concurrent('output that cannot be written', { timeout: MINUTES }, () => {
  it('finding B1: a full disk under the log does not end a worker, nor change its exit code', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'full_log');
    const id = await s.add();
    const run = await shell(s, '"$@" 2>/dev/full', 'worker', '--once', '--device-id', 'w');
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(await readTask(s.session, s.db.names, id)).toMatchObject({ status: 'done' });
  });

  it('finding B1: when the log can be written again, the worker says how many lines were lost', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'small_log');
    const log = join(s.dir, 'log');
    const worker = new Process(s.dir, ['worker', '--device-id', 'w'], {}, [
      '/bin/bash',
      '-c',
      'ulimit -f 1; exec "$@" 2>>log',
      'bash',
    ]);
    test.onTestFinished(() => worker.end());
    await until(async () => (await stat(log).catch(() => undefined))?.size === 1024, PATIENCE_MS, 'a full log');
    const [first, second] = [await s.add(), await s.add()];
    await s.ended([first, second]);
    await truncate(log, 0);
    const lines = await until(
      async () => {
        const text = await readFile(log, 'utf8');
        return text.includes('lines were lost') && text.split('\n').slice(0, -1);
      },
      PATIENCE_MS,
      'the notice',
    );
    expect(lines.filter((line) => line !== '').map((line) => typeof JSON.parse(line))).not.toContain('undefined');
    expect(lines.filter((line) => line.includes('lines were lost'))).toHaveLength(1);
    expect(JSON.parse(lines.find((line) => line !== '')!)).toMatchObject({
      level: 'warn',
      lost_lines: expect.any(Number),
    });
  });

  it('finding B1: a result that cannot be written is one line on stderr and exit 1', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'full_stdout');
    for (const args of [['status'], ['tasks', 'add', '--type', 'work', '--json'], ['--help']]) {
      const run = await shell(s, '"$@" >/dev/full', ...args);
      expect(run.code).toBe(1);
      expect(run.stderr).toMatch(/^Error: The output is lost, because stdout cannot be written: ENOSPC[^\n]*\n$/);
    }
  });

  it('finding B1: a failure that cannot be written as JSON stands on stderr, with its exit code', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'full_failure');
    for (const [code, args] of [
      [3, ['tasks', 'show', '999999', '--json']],
      [2, ['keys', 'create', '--json']],
      [2, ['no-such-command', '--json']],
    ] as const) {
      const run = await shell(s, '"$@" >/dev/full', ...args);
      expect([args, run.code]).toEqual([args, code]);
      expect(run.stderr).toMatch(
        /^Error: [^\n]+ \[E_\w+\]\n( {2}Try: .+\n)+Warning: the output is lost, because stdout cannot be written: ENOSPC.*\n$/,
      );
    }
  });

  it('finding B1: a key that nobody has seen is named with the command that ends it', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'full_key');
    for (const more of [[], ['--json']]) {
      const run = await shell(s, '"$@" >/dev/full', 'keys', 'create', 'page', '--role', 'viewer', ...more);
      expect(run.code).toBe(1);
      expect(run.stderr).toMatch(/^Error: The output is lost[^\n]+\n {2}Try: afd keys revoke [A-Za-z0-9_-]{8}\n$/m);
    }
  });

  it('finding B1: a reader that has left changes neither what a command prints on stderr nor its exit code', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'closed_pipe');
    const run = await shell(s, '(sleep 0.1; "$@"; echo "code $?" >&2) | true', 'tasks', 'ls');
    expect(run.stderr).toBe('code 0\n');
  });
});

describe.concurrent('a worker that is asked to stop', { timeout: MINUTES }, () => {
  it('finding B2: does not wait for a handler whose attempt has ended long ago, and exits', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'stuck_stop', { ...HANG, worker: { kill_grace: 0.1, shutdown_timeout: 600 } });
    const id = await s.add({}, { task_type: 'hang', max_retry_count: 0 });
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
    await worker.event('task:stuck');
    await s.ended([id], 'failed');
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(worker.output).not.toContain('running task');
  });

  it('finding B2: releases what ignores its signal at the end of its time, and exits with 143', async (test) => {
    const { expect } = test;
    const handlers = { hang: { module: './hang.mjs', isolation: 'none' }, deaf: { exec: ['./deaf.sh'] } };
    const files = { ...HANG.files, 'deaf.sh': '#!/bin/sh\ntrap "" TERM\nwhile :; do sleep 0.1; done\n' };
    const s = await scene(test, 'deaf_stop', { handlers, files, worker: { kill_grace: 0.2, shutdown_timeout: 0.2 } });
    const [hang, deaf] = [await s.add({}, { task_type: 'hang' }), await s.add({}, { task_type: 'deaf' })];
    await chmod(join(s.dir, 'deaf.sh'), 0o755);
    const worker = s.start('worker', { deviceId: 'w' });
    for (const id of [hang, deaf]) await worker.event('task:started', (line) => line.task_id === id);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 143, signal: null });
    expect(await attemptOf(s, hang)).toMatchObject({ status: 'released', cause: 'stuck' });
    expect(await attemptOf(s, deaf)).toMatchObject({ status: 'released', cause: 'shutdown' });
    for (const id of [hang, deaf]) {
      expect(await readTask(s.session, s.db.names, id)).toMatchObject({ status: 'pending', retry: 0 });
    }
  });

  it('finding B2: releases the task of a deaf module at the second signal, and exits with 143', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'deaf_second', {
      handlers: { hang: { module: './hang.mjs', isolation: 'none' } },
      files: HANG.files,
      worker: { kill_grace: 0.2, shutdown_timeout: 600 },
    });
    const id = await s.add({}, { task_type: 'hang' });
    const worker = s.start('worker', { deviceId: 'w' });
    await worker.event('task:started', (line) => line.task_id === id);
    worker.kill('SIGTERM');
    await worker.event('worker:draining');
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 143, signal: null });
    expect(await attemptOf(s, id)).toMatchObject({ status: 'released', cause: 'stuck' });
  });

  it('finding B11: drains at SIGHUP as at SIGTERM', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'hangup');
    const id = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w' });
    await s.noted({ what: 'start', task_id: id });
    worker.kill('SIGHUP');
    await worker.event('worker:draining', (line) => line.running === 1);
    await s.open('go');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    expect(await s.wrongs([id])).toEqual([]);
  });

  it('finding B2: --drain ends also while a slot is stuck', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'stuck_drain', { ...HANG, worker: { kill_grace: 0.1 } });
    const hang = await s.add({}, { task_type: 'hang', max_retry_count: 0 });
    const other = await s.add();
    const run = await s.run('worker', '--drain', '--slots', '2', '--device-id', 'w');
    expect(run.code).toBe(6);
    expect(await readTask(s.session, s.db.names, hang)).toMatchObject({ status: 'failed' });
    expect(await readTask(s.session, s.db.names, other)).toMatchObject({ status: 'done' });
  });
});

describe.concurrent('a slot that a handler does not free', { timeout: MINUTES }, () => {
  it('finding B3: is seen wherever free slots are counted, until the worker is started again', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'stuck_seen', { ...HANG, worker: { kill_grace: 0.1 } });
    const hang = await s.add({}, { task_type: 'hang', max_retry_count: 0 });
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
    await worker.event('task:stuck');
    await s.ended([hang], 'failed');
    const stuck = [{ task_id: hang, task_type: 'hang', attempt: 1 }];
    const json = async (...args: string[]) => JSON.parse((await s.run(...args, '--json')).stdout);
    await until(async () => (await json('devices', 'ls')).devices[0].stuck.length === 1, PATIENCE_MS, 'a stuck slot');
    expect((await json('devices', 'ls')).devices).toMatchObject([{ device_id: 'w', current_tasks: 0, stuck }]);
    expect((await s.run('devices', 'ls')).stdout).toContain('online, 1 stuck');
    expect((await s.run('devices', 'show', 'w')).stdout).toMatch(
      new RegExp(`Stuck +1 of 2 slots until the worker is restarted; .*task ${hang} \\(hang\\)`),
    );
    const status = await s.run('status');
    expect(status.code).toBe(1);
    expect(status.stdout).toContain(`1 of the 2 slots of w is stuck`);
    expect(status.stdout).toContain('0 of 2 slots in use, 1 stuck');
    const running = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: running });
    const waiting = await s.add();
    const shown = await json('tasks', 'show', String(waiting));
    expect(shown.waiting.devices).toMatchObject([
      { device_id: 'w', reasons: ['is full (2 of 2 slots, 1 of them stuck)'] },
    ]);
    await s.open('go');
    await s.ended([running, waiting]);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
    const next = s.start('worker', { deviceId: 'w', args: ['--slots', '2'] });
    await next.event('worker:started');
    expect((await json('devices', 'ls')).devices).toMatchObject([{ device_id: 'w', stuck: [] }]);
  });
});

describe.concurrent('a handler module that would end its worker', { timeout: MINUTES }, () => {
  const bad = (body: string) => ({
    handlers: { bad: { module: './bad.mjs', isolation: 'none' } },
    files: { 'bad.mjs': `import net from 'node:net';\nexport default async (task, { signal }) => { ${body} };\n` },
  });

  it('finding B4: process.exit fails its attempt and nothing else', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'exits', bad('process.exit(0)'));
    const other = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w' });
    await s.noted({ what: 'start', task_id: other });
    const id = await s.add({}, { task_type: 'bad', max_retry_count: 0 });
    await s.ended([id], 'failed');
    expect((await attemptOf(s, id)).error_message).toContain('a handler called process.exit(0)');
    await s.open('go');
    await s.ended([other]);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
  });

  const STRAYS = {
    'throws in a timer': [`setTimeout(() => { throw new RangeError('stray') }, 10); await ${ENDLESS}`, 'stray'],
    'exits in a timer': [`setTimeout(() => process.exit(5), 10); await ${ENDLESS}`, 'a handler called process.exit(5)'],
    'throws at its abort': [`signal.onabort = () => { throw new Error('deaf') }; await ${ENDLESS}`, 'deaf'],
  };
  for (const [n, [what, [body, text]]] of Object.entries(STRAYS).entries()) {
    it(`finding B4: one that ${what} is named in the history, and its worker goes on`, async (test) => {
      const { expect } = test;
      const options = bad(body!);
      const s = await scene(test, `stray${n}`, {
        ...options,
        handlers: { bad: { ...options.handlers.bad, timeout: 1 } },
        worker: { kill_grace: 0.1 },
      });
      const other = await s.add({ gate: 'go' });
      const worker = s.start('worker', { deviceId: 'w' });
      await s.noted({ what: 'start', task_id: other });
      const id = await s.add({}, { task_type: 'bad', max_retry_count: 0 });
      await s.ended([id], 'failed');
      expect((await attemptOf(s, id)).error_message).toContain(text);
      await worker.event('warning', (line) => line.message.includes(`callback of task ${id} (bad);`));
      await s.open('go');
      await s.ended([other]);
      worker.kill('SIGTERM');
      expect(await worker.exit).toEqual({ code: 0, signal: null });
      expect(await s.wrongs([other])).toEqual([]);
    });
  }

  it('finding B4: of several that may have thrown, none is ended for it, and who fails then says so', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'several', {
      handlers: { bad: { module: './bad.mjs', isolation: 'none' } },
      files: {
        'bad.mjs': `import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
export default async ({ task_data: { stray } }) => {
  if (stray) setTimeout(() => { throw new Error('whose is it') }, 10);
  while (!existsSync('go')) await pause(10);
  if (stray) throw new Error('and so I fail');
};\n`,
      },
    });
    const worker = s.start('worker', { deviceId: 'w' });
    const good = await s.add({}, { task_type: 'bad' });
    await worker.event('task:started', (line) => line.task_id === good);
    const stray = await s.add({ stray: true }, { task_type: 'bad', max_retry_count: 0 });
    await worker.event('warning', (line) =>
      line.message.includes(`callback of one of the tasks ${good} (bad), ${stray} (bad);`),
    );
    await s.open('go');
    await s.ended([stray], 'failed');
    await s.ended([good]);
    expect((await attemptOf(s, stray)).error_message).toMatch(/^and so I fail; while it was running, .*: whose is it$/);
  });

  it('finding B4: an error that shows no handler ends the worker in order, with 70, and is in the history', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'unnamed', bad(`net.connect(1, '127.0.0.1'); await ${ENDLESS}`));
    const command = await s.add({}, { task_type: 'command' });
    const worker = s.start('worker', { deviceId: 'w' });
    await s.noted({ what: 'command', task_id: command });
    const id = await s.add({}, { task_type: 'bad', max_retry_count: 0 });
    expect(await worker.exit).toEqual({ code: 70, signal: null });
    expect(worker.output).toContain('[E_UNCAUGHT]');
    expect(await attemptOf(s, id)).toMatchObject({
      status: 'failed',
      error_class: 'Uncaught',
      error_message: expect.stringContaining('connect ECONNREFUSED 127.0.0.1:1'),
    });
    expect(await attemptOf(s, command)).toMatchObject({ status: 'released', cause: 'shutdown' });
    expect(await readTask(s.session, s.db.names, command)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('finding B4: a promise that a handler forgot is reported with its task', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'forgotten', bad(`Promise.reject(new Error('forgotten')); await ${ENDLESS}`));
    const worker = s.start('worker', { deviceId: 'w' });
    const id = await s.add({}, { task_type: 'bad' });
    const line = await worker.event('warning', ({ message }) => message.includes('forgotten'));
    expect(line.message).toBe(`unhandled promise rejection by task ${id} (bad): forgotten`);
  });
});

describe.concurrent('finding B11: what handlers print', { timeout: MINUTES }, () => {
  const handlers = {
    talk: { module: './talk.mjs', isolation: 'none' },
    quiet: { module: './quiet.mjs', isolation: 'none' },
    tool: { exec: ['./tool.sh'] },
  };
  const files = {
    'talk.mjs':
      "export default async ({ task_data }) => { await null; console.log('hello', task_data); console.error('a\\nb'); process.stdout.write('no end'); };\n",
    'quiet.mjs': 'export default async () => { await new Promise((resolve) => setTimeout(resolve, 50)); };\n',
  };

  it('in the thread of the worker are log lines with their task, and stdout is the result alone', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'printed', { handlers: { talk: handlers.talk, quiet: handlers.quiet }, files });
    const id = await s.add({ n: 1 }, { task_type: 'talk' });
    await s.add({}, { task_type: 'quiet' });
    const run = await s.run('worker', '--drain', '--json', '--device-id', 'w');
    expect(JSON.parse(run.stdout)).toEqual({ device_id: 'w', finished: { done: 2 }, ended_by: 'drained' });
    const lines = run.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const printed = lines.filter((line) => line.stream !== undefined);
    const whose = { level: 'info', task_id: id, task_type: 'talk', attempt: 1 };
    expect(printed).toMatchObject([
      { ...whose, message: 'hello { n: 1 }', stream: 'stdout' },
      { ...whose, message: 'a', stream: 'stderr' },
      { ...whose, message: 'b', stream: 'stderr' },
      { ...whose, message: 'no end', stream: 'stdout' },
    ]);
  });

  it('is no warning: at warn a task that goes well prints nothing, also when its command logs to stderr', async (test) => {
    const { expect } = test;
    const s = await scene(test, 'printed_warn', { handlers: { talk: handlers.talk, tool: handlers.tool }, files });
    await writeFile(join(s.dir, 'tool.sh'), '#!/bin/sh\necho "INFO root: fetched" >&2\n', { mode: 0o755 });
    await s.add({}, { task_type: 'talk' });
    await s.add({}, { task_type: 'tool' });
    const env = { AFD_LOG_LEVEL: 'warn' };
    const worker = s.start('worker', { deviceId: 'w', args: ['--drain'], env });
    expect([await worker.exit, worker.output]).toEqual([{ code: 0, signal: null }, '']);
  });
});
