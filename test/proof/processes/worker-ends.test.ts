// However a worker ends, or a handler tries to end it: the work comes back, and the history says what happened.
import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
const ONCE = { max_retry_count: 0 };
const WELL = { code: 0, signal: null };

/** The first attempt of a task, with its texts. */
async function attemptOf(s: Scene, taskId: number) {
  const [row] = await s.session.rows(
    `SELECT status, cause, error_class, error_message FROM ${s.db.names.assignment} WHERE task_id = ? ORDER BY attempt LIMIT 1`,
    [taskId],
  );
  return row!;
}

describe.concurrent('output that cannot be written', { timeout: MINUTES }, () => {
  it('finding B1: is said on stderr, and changes no exit code but that of a result that is lost', async (test) => {
    const s = await scene(test, 'full_output');
    const id = await s.add();
    const lost = /^Error: The output is lost, because stdout cannot be written: ENOSPC[^\n]*\n$/;
    const failure =
      /^Error: [^\n]+ \[E_\w+\]\n( {2}Try: .+\n)+Warning: the output is lost, because stdout cannot be written: ENOSPC.*\n$/;
    const key = /^Error: The output is lost[^\n]+\n {2}Try: afd keys revoke [A-Za-z0-9_-]{8}\n$/m;
    const full = '"$@" >/dev/full';
    for (const [script, words, code, said] of [
      ['"$@" 2>/dev/full', 'worker --once --device-id w', 0, /^$/],
      [full, 'status', 1, lost],
      [full, 'tasks show 999999 --json', 3, failure],
      [full, 'no-such-command --json', 2, failure],
      [full, 'keys create page --role viewer', 1, key],
      ['(sleep 0.1; "$@"; echo "code $?" >&2) | true; exit 0', 'tasks ls', 0, /^code 0\n$/],
    ] as const) {
      const wrapper = ['/bin/bash', '-c', script, 'bash'];
      const run = await runCommand(words.split(' '), { cwd: s.dir, wrapper });
      expect([words, run.code, run.stderr]).toEqual([words, code, expect.stringMatching(said)]);
    }
    expect(await readTask(s.session, s.db.names, id)).toMatchObject({ status: 'done' });
  });

  it('finding B1: when the log can be written again, the worker says how many lines were lost', async (test) => {
    const s = await scene(test, 'small_log');
    const log = join(s.dir, 'log');
    const wrapper = ['/bin/bash', '-c', 'ulimit -f 1; exec "$@" 2>>log', 'bash'];
    const worker = new Process(s.dir, ['worker', '--device-id', 'w'], {}, wrapper);
    test.onTestFinished(() => worker.end());
    await until(async () => (await stat(log).catch(() => undefined))?.size === 1024, PATIENCE_MS, 'a full log');
    await s.ended([await s.add(), await s.add()]);
    await truncate(log, 0);
    const lines = async () => (await readFile(log, 'utf8')).split('\n').slice(0, -1);
    await until(async () => (await lines()).join().includes('lines were lost'), PATIENCE_MS, 'the notice');
    const [first, ...others] = (await lines()).filter((line) => line !== '').map((line) => JSON.parse(line));
    expect(first).toMatchObject({ level: 'warn', lost_lines: expect.any(Number) });
    expect(others.filter(({ message }) => message.includes('lines were lost'))).toEqual([]);
  });
});

describe.concurrent('a slot that a handler does not free', { timeout: MINUTES }, () => {
  it('finding B3: is seen wherever free slots are counted, until the worker is started again', async (test) => {
    const s = await scene(test, 'stuck_seen', { ...HANG, worker: { kill_grace: 0.1, shutdown_timeout: 600 } });
    const hang = await s.add({}, { task_type: 'hang', ...ONCE });
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
    expect([status.code, status.stdout]).toEqual([1, expect.stringContaining('0 of 2 slots in use, 1 stuck')]);
    const running = await s.add({ gate: 'go' });
    await s.noted({ what: 'start', task_id: running });
    const waiting = await s.add();
    const shown = await json('tasks', 'show', String(waiting));
    expect(shown.waiting.devices).toMatchObject([{ reasons: ['is full (2 of 2 slots, 1 of them stuck)'] }]);
    await s.open('go');
    await s.ended([running, waiting]);
    // It does not wait for what has ended long ago.
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual(WELL);
    await s.start('worker', { deviceId: 'w', args: ['--slots', '2'] }).event('worker:started');
    expect((await json('devices', 'ls')).devices).toMatchObject([{ device_id: 'w', stuck: [] }]);
  });

  it('finding B2: does not keep --drain from its end', async (test) => {
    const s = await scene(test, 'stuck_drain', { ...HANG, worker: { kill_grace: 0.1 } });
    const [hang, other] = [await s.add({}, { task_type: 'hang', ...ONCE }), await s.add()];
    expect((await s.run('worker', '--drain', '--slots', '2', '--device-id', 'w')).code).toBe(6);
    await s.ended([hang], 'failed');
    await s.ended([other]);
  });
});

describe.concurrent('a handler that would end its worker', { timeout: MINUTES }, () => {
  const module = (body: string) =>
    `import net from 'node:net';\nexport default async (task, { signal }) => { ${body} };\n`;
  const bad = (body: string) => ({
    handlers: { bad: { module: './bad.mjs', isolation: 'none' } },
    files: { 'bad.mjs': module(body) },
  });

  it('finding B4: in its main thread fails its own attempt, is named in the history, and nothing else ends', async (test) => {
    const strays: Record<string, [string, string]> = {
      exits: ['process.exit(0)', 'a handler called process.exit(0)'],
      throws: [`setTimeout(() => { throw new RangeError('stray') }, 10); await ${ENDLESS}`, 'stray'],
      ends: [`setTimeout(() => process.exit(5), 10); await ${ENDLESS}`, 'a handler called process.exit(5)'],
      aborted: [`signal.onabort = () => { throw new Error('deaf') }; await ${ENDLESS}`, 'deaf'],
    };
    const types = Object.keys(strays);
    const handlers = types.map((type) => [type, { module: `./${type}.mjs`, isolation: 'none', timeout: 1 }] as const);
    const files = Object.entries(strays).map(([type, [body]]) => [`${type}.mjs`, module(body)] as const);
    const forgotten = bad("Promise.reject(new Error('forgotten')); await new Promise((end) => setTimeout(end, 500))");
    const s = await scene(test, 'strays', {
      handlers: { ...Object.fromEntries(handlers), ...forgotten.handlers },
      files: { ...Object.fromEntries(files), ...forgotten.files },
      worker: { kill_grace: 0.1 },
    });
    const other = await s.add({ gate: 'go' });
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '9'] });
    await s.noted({ what: 'start', task_id: other });
    for (const [type, [, text]] of Object.entries(strays)) {
      const id = await s.add({}, { task_type: type, ...ONCE });
      await s.ended([id], 'failed');
      expect((await attemptOf(s, id)).error_message).toContain(text);
      if (type !== 'exits')
        await worker.event('warning', (line) => line.message.includes(`callback of task ${id} (${type});`));
    }
    const id = await s.add({}, { task_type: 'bad' });
    const said = await worker.event('warning', ({ message }) => message.includes('forgotten'));
    expect(said.message).toBe(`unhandled promise rejection by task ${id} (bad): forgotten`);
    await s.open('go');
    await s.ended([other, id]);
    worker.kill('SIGTERM');
    expect(await worker.exit).toEqual(WELL);
    expect(await s.wrongs([other])).toEqual([]);
  });

  it('finding B4: of several that may have thrown, none is ended for it, and who fails then says so', async (test) => {
    const s = await scene(test, 'several', {
      ...bad(''),
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
    const stray = await s.add({ stray: true }, { task_type: 'bad', ...ONCE });
    const whose = `callback of one of the tasks ${good} (bad), ${stray} (bad);`;
    await worker.event('warning', (line) => line.message.includes(whose));
    await s.open('go');
    await s.ended([stray], 'failed');
    await s.ended([good]);
    expect((await attemptOf(s, stray)).error_message).toMatch(/^and so I fail; while it was running, .*: whose is it$/);
  });

  it('finding B4: an error that shows no handler ends the worker in order, with 70, and is in the history', async (test) => {
    const s = await scene(test, 'unnamed', bad(`net.connect(1, '127.0.0.1'); await ${ENDLESS}`));
    const command = await s.add({}, { task_type: 'command' });
    const worker = s.start('worker', { deviceId: 'w' });
    await s.noted({ what: 'command', task_id: command });
    const id = await s.add({}, { task_type: 'bad', ...ONCE });
    expect(await worker.exit).toEqual({ code: 70, signal: null });
    expect(worker.output).toContain('[E_UNCAUGHT]');
    const error_message = expect.stringContaining('connect ECONNREFUSED 127.0.0.1:1');
    expect(await attemptOf(s, id)).toMatchObject({ status: 'failed', error_class: 'Uncaught', error_message });
    expect(await attemptOf(s, command)).toMatchObject({ status: 'released', cause: 'shutdown' });
    expect(await readTask(s.session, s.db.names, command)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('finding B4: in a thread ends alone, also when it loops for ever; what ran next to it is released', async (test) => {
    const s = await scene(test, 'threads', {
      handlers: { bad: { module: './bad.mjs', isolation: 'thread' } },
      worker: { kill_grace: 0.2 },
      files: {
        'bad.mjs': `export default ({ task_data: { does }, attempt }) => {
  while (does === 'loop');
  if (does === 'exit') process.exit(0);
  if (attempt === 1) return ${ENDLESS};
};\n`,
      },
    });
    const worker = s.start('worker', { deviceId: 'w', args: ['--slots', '4'] });
    const looping = await s.add({ does: 'loop' }, { task_type: 'bad', ...ONCE, execution_timeout: 2 });
    await worker.event('task:started', (line) => line.task_id === looping);
    await s.ended([await s.add()]);
    await s.ended([looping], 'failed');
    expect(await attemptOf(s, looping)).toMatchObject({ status: 'timeout' });
    const neighbour = await s.add({}, { task_type: 'bad' });
    await worker.event('task:started', (line) => line.task_id === neighbour);
    const fatal = await s.add({ does: 'exit' }, { task_type: 'bad', ...ONCE });
    await s.ended([fatal], 'failed');
    expect((await attemptOf(s, fatal)).error_message).toContain('the handler called process.exit(0)');
    await s.ended([neighbour]);
    expect(await attemptOf(s, neighbour)).toMatchObject({ status: 'released', cause: 'handler_thread' });
    expect(await readTask(s.session, s.db.names, neighbour)).toMatchObject({ retry: 0 });
    expect(worker.lines.filter((line) => line.event === 'task:stuck')).toEqual([]);
  });
});

describe.concurrent('finding B11: what handlers print', { timeout: MINUTES }, () => {
  const handlers = { talk: { module: './talk.mjs', isolation: 'none' }, tool: { exec: ['./tool.sh'] } };
  const files = {
    'talk.mjs':
      "export default async ({ task_data }) => { await null; console.log('hello', task_data); console.error('a\\nb'); process.stdout.write('no end'); };\n",
  };

  it('in the thread of the worker are log lines with their task, and none at warn; stdout is the result', async (test) => {
    const s = await scene(test, 'printed', { handlers, files });
    await writeFile(join(s.dir, 'tool.sh'), '#!/bin/sh\necho "INFO root: fetched" >&2\n', { mode: 0o755 });
    const id = await s.add({ n: 1 }, { task_type: 'talk' });
    const run = await s.run('worker', '--drain', '--json', '--device-id', 'w');
    expect(JSON.parse(run.stdout)).toEqual({ device_id: 'w', finished: { done: 1 }, ended_by: 'drained' });
    const lines = run.stderr.trim().split('\n');
    const printed = lines.map((line) => JSON.parse(line)).filter((line) => line.stream !== undefined);
    const whose = { level: 'info', task_id: id, task_type: 'talk', attempt: 1 };
    expect(printed).toMatchObject([
      { ...whose, message: 'hello { n: 1 }', stream: 'stdout' },
      { ...whose, message: 'a', stream: 'stderr' },
      { ...whose, message: 'b', stream: 'stderr' },
      { ...whose, message: 'no end', stream: 'stdout' },
    ]);
    await s.add({}, { task_type: 'talk' });
    await s.add({}, { task_type: 'tool' });
    const quiet = s.start('worker', { deviceId: 'w', args: ['--drain'], env: { AFD_LOG_LEVEL: 'warn' } });
    expect([await quiet.exit, quiet.output]).toEqual([WELL, '']);
  });
});
