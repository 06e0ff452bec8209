import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processStat, runs } from '../../../../../src/core/handlers/processes/process-table.ts';
import { messagesOf, type TestAttempt, testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import {
  commandOptions,
  deathSignal,
  FIXTURES,
  PATH,
  run,
  sh,
  shUntil,
  stamp,
} from '../../../../fixtures/handlers/command.ts';
import { until } from '../../../../helpers/wait.ts';
import { folder } from '../../config/config-folder.ts';

const alive = (pid: number) => runs(processStat(pid));

const pids = (attempt: TestAttempt) =>
  messagesOf(attempt).flatMap((line) => (line.startsWith('pid ') ? [Number(line.slice(4))] : []));

describe('R22 nothing of a command outlives its attempt', () => {
  it('an abort ends a tree of three levels, one of which ignores SIGTERM', async () => {
    const attempt = testAttempt();
    const running = run(['./tree.sh'], { kill_grace: 0.1 }, attempt);
    await attempt.logged(/^ready$/);
    const tree = pids(attempt);
    expect(tree.map(alive)).toEqual([true, true, true, true]);
    attempt.abort('revoked');
    expect(await running).toEqual({ kind: 'released', cause: 'revoked' });
    expect(tree.map(alive)).toEqual([false, false, false, false]);
  });

  it('what is left over after a normal exit is killed', async () => {
    const attempt = testAttempt();
    const script = `go="$AFD_RESULT_FILE.go"; mkfifo "$go"
      (trap '' TERM HUP; sleep 600 & echo pid $!; echo > "$go"; wait) & echo pid $!; read -r _ < "$go"`;
    expect(await sh(script, {}, attempt)).toMatchObject({ kind: 'done' });
    expect(pids(attempt)).toHaveLength(2);
    expect(pids(attempt).map(alive)).toEqual([false, false]);
  });

  // Prints its pid in a session of its own, then lets the command go on.
  const daemon = (more = '') =>
    `go="$AFD_RESULT_FILE.go"; mkfifo "$go"; ${more} setsid sh -c "echo pid \\$\\$; echo > $go; exec sleep 600" & read -r _ < "$go"; exit 3`;

  it('what left the process group is killed, and the log names it', async ({ skip }) => {
    skip(stamp === undefined, 'no /proc here: what leaves the group is not found');
    const attempt = testAttempt();
    expect(await sh(daemon(), {}, attempt)).toMatchObject({ kind: 'retry', error_class: 'exit_3' });
    expect(pids(attempt).map(alive)).toEqual([false]);
    const [pid] = pids(attempt);
    // Ended a moment before or after it became sleep.
    const message = `^ended what the command had left running outside its process group: 1 process: (sh|sleep) \\(pid ${pid}, task 7\\)$`;
    expect(attempt.lines.at(-1)).toMatchObject({ level: 'warn', message: expect.stringMatching(message) });
    const kept = testAttempt();
    // What began with an empty AFD_WORKER may go on, and does not hold up the end of the attempt.
    expect(await sh(daemon('AFD_WORKER='), {}, kept)).toMatchObject({ kind: 'retry', error_class: 'exit_3' });
    expect(pids(kept).map(alive)).toEqual([true]);
    process.kill(pids(kept)[0]!, 'SIGKILL');
  });
});

it.each<[string, string, 'shutdown' | 'timeout', object]>([
  ['has the grace to finish: a written result counts', 'exit 0', 'shutdown', { kind: 'done', result: 5, enqueue: [] }],
  ['with 3 on SIGTERM is released', 'exit 3', 'shutdown', { kind: 'released', cause: 'shutdown' }],
  [
    'after its deadline is a timeout, also with a result',
    'exit 0',
    'timeout',
    { kind: 'timeout', error_message: expect.stringContaining('Timed out after 30 s; last lines of stderr: why') },
  ],
])('a command that is ended %s', async (_, end, reason, expected) => {
  const script = `trap 'printf 5 > "$AFD_RESULT_FILE"; ${end}' TERM; echo why >&2; while :; do sleep 0.01; done`;
  expect(await shUntil(/^why$/, reason, script)).toMatchObject(expected);
});

it('a command that is ended before it began is not started', async () => {
  const attempt = testAttempt();
  attempt.abort('database');
  expect(await sh('echo started', {}, attempt)).toEqual({ kind: 'released', cause: 'database' });
  expect(attempt.lines).toEqual([]);
});

/** How the configuration names a variable of the worker. */
const named = (name: string) => `\${${name}}`;

describe('what a command is given', () => {
  const worker_env = {
    ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd', LANG: 'C.UTF-8', LC_TIME: 'de_DE', TZ: 'UTC' },
    ...{ TMPDIR: '/tmp', NOTIFY_SOCKET: '/run/systemd/notify', AFD_DATABASE_URL: 'mysql://u:secret@h/d' },
    ...{ MYSQL_PASSWORD: 'secret', NODE_OPTIONS: '--inspect', HTTPS_PROXY: 'http://u:p@proxy', API_TOKEN: 't0ken' },
    ...{ AFD_ATTEMPT: 'a worker inside a worker', LD_PRELOAD: '/x.so', SHELL: '/bin/sh' },
  };

  it('RB15 its environment is exactly the allow-list, what the configuration names, and the attempt', async () => {
    const attempt = testAttempt();
    const URL = `https://${named('USER')}@host/$HOME`;
    const env = { TOKEN: named('API_TOKEN'), URL, LANG: 'C', AFD_TASK_ID: '999' };
    await run(['env'], { worker_env, env }, attempt);
    const seen = Object.fromEntries(attempt.lines.map(({ message }) => message.split(/=(.*)/s, 2)));
    const { AFD_RESULT_FILE, AFD_WORK_DIR, TMPDIR, ...rest } = seen;
    expect(AFD_WORK_DIR).toMatch(/^\/.*\/afd-([a-z\d]+\.[a-z\d]+\.[a-z\d]+-)?\w{6}$/);
    expect([AFD_RESULT_FILE, TMPDIR]).toEqual([`${AFD_WORK_DIR}/result.json`, `${AFD_WORK_DIR}/tmp`]);
    expect(rest).toEqual({
      ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd', LC_TIME: 'de_DE', TZ: 'UTC' },
      ...{ LANG: 'C', TOKEN: 't0ken', URL: 'https://afd@host/$HOME' },
      ...{ AFD_TASK_ID: '7', AFD_ATTEMPT: '2', AFD_DEVICE_ID: 'worker-1', AFD_TASK_TYPE: 'sync_data' },
      ...{ AFD_CLAIM_TOKEN: attempt.claim_token, ...(stamp === undefined ? {} : { AFD_WORKER: stamp }) },
      ...{ AFD_EVENTS_FD: '7', AFD_EVENTS_FILE: `${AFD_WORK_DIR}/events.jsonl` },
    });
  });

  it('its task is JSON on stdin, which it need not read', async () => {
    const attempt = testAttempt({ task_data: { text: 'ünï\n', date: '2026-11-24' } });
    const outcome = await sh('cat > "$AFD_RESULT_FILE"', {}, attempt);
    expect(outcome).toEqual({ kind: 'done', result: attempt.task, enqueue: [] });
    const large = testAttempt({ task_data: { text: 'x'.repeat(5_000_000) } });
    expect(await sh('exec 0<&-; exit 0', {}, large)).toMatchObject({ kind: 'done' });
  });

  it('its working directory is the folder of the configuration, or cwd relative to it', async () => {
    const attempt = testAttempt();
    await run(['pwd'], {}, attempt);
    await run(['pwd'], { cwd: '..' }, attempt);
    expect(messagesOf(attempt)).toEqual([FIXTURES, dirname(FIXTURES)]);
  });
});

it('R22 a command dies with a worker that is killed by SIGKILL', async ({ skip }) => {
  if (deathSignal.length === 0) skip('setpriv --pdeathsig is missing here: a command outlives its killed worker');
  const dist = new URL('../../../../../dist/core/handlers/command/command-handler.js', import.meta.url).href;
  const { host, ...options } = commandOptions(['sh', '-c', 'echo "$$"; exec sleep 600']);
  const given = { ...options, host: { ...host, processes: undefined } };
  const source = `
    const { commandHandler } = await import(${JSON.stringify(dist)});
    const [log, report] = [{ info: console.log, warn() {} }, { usage() {} }];
    const more = { log, report, aborted() {}, onAbort() {}, print: (_, chunk) => process.stdout.write(chunk) };
    await commandHandler(${JSON.stringify(given)}).execute({ ...${JSON.stringify(testAttempt())}, ...more });`;
  // A killed worker cannot remove the folder of its attempt.
  const env = { PATH, TMPDIR: folder() };
  const worker = spawn(process.execPath, ['--input-type=module', '-e', source], {
    ...{ env, stdio: ['ignore', 'pipe', 'inherit'] },
  });
  const [line] = await once(worker.stdout, 'data');
  const child = Number(line);
  expect(alive(child)).toBe(true);
  worker.kill('SIGKILL');
  await until(() => !alive(child), 5000, 'the death of the child');
});
