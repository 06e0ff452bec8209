// Issue 13, section 4: a handler that runs as a user of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { getuid } from 'node:process';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handlerSchema } from '../../../../../src/core/config/config-schema.ts';
import { checkCommand } from '../../../../../src/core/handlers/command/command-handler.ts';
import { type OpenCommandHost, openCommandHost } from '../../../../../src/core/handlers/command/command-host.ts';
import { accessProblem, type HandlerUser, handlerUser } from '../../../../../src/core/handlers/command/handler-user.ts';
import { limitPrefix } from '../../../../../src/core/handlers/command/limit-programs.ts';
import { processIds } from '../../../../../src/core/handlers/processes/process-table.ts';
import { attemptStamp, stampsOf } from '../../../../../src/core/handlers/processes/worker-stamp.ts';
import { messagesOf, testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { commandOptions, FIXTURES, PATH, sh, shUntil, stamp } from '../../../../fixtures/handlers/command.ts';
import { openProcesses } from '../../../../fixtures/handlers/process.ts';
import { skipBecause } from '../../../../helpers/skip.ts';
import { until } from '../../../../helpers/wait.ts';
import { folder } from '../../config/config-folder.ts';

const asRoot = skipBecause(getuid?.() === 0 ? undefined : 'only root may start a process as another user');

describe('handlers.<type>.user', asRoot, () => {
  let host: OpenCommandHost;
  let nobody: HandlerUser;
  beforeAll(async () => {
    host = await openCommandHost(PATH, () => {});
    nobody = await handlerUser('a', 'nobody', PATH);
  });
  afterAll(() => host.close());
  const run = (script: string, attempt = testAttempt(), more = {}) =>
    sh(script, { host, user: nobody, cwd: '/', ...more }, attempt);
  const left = (token: string) =>
    processIds().filter((pid) => stampsOf(pid)?.worker === stamp && stampsOf(pid)?.token === token);

  it('is who a command runs as, with their group, without any other, with HOME, USER and LOGNAME', async () => {
    const attempt = testAttempt();
    const worker_env = { PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd', LANG: 'C' };
    const script = 'id -u; id -g; grep ^Groups: /proc/self/status; grep CapEff /proc/self/status; env | sort';
    expect(await run(script, attempt, { worker_env })).toMatchObject({ kind: 'done' });
    const [uid, gid, groups, capabilities, ...env] = messagesOf(attempt);
    expect([uid, gid, groups?.trim()]).toEqual([`${nobody.uid}`, `${nobody.gid}`, 'Groups:']);
    expect(capabilities).toMatch(/^CapEff:\s+0+$/);
    const ofUser = env.filter((line) => /^(HOME|USER|LOGNAME|PATH|LANG)=/.test(line));
    expect(ofUser).toEqual([`HOME=${nobody.home}`, 'LANG=C', 'LOGNAME=nobody', `PATH=${PATH}`, 'USER=nobody']);
    expect(env.join('\n')).not.toContain('/home/afd');
  });

  it('may use the working folder, the result file and both ways of events, and nobody else may', async () => {
    const attempt = testAttempt();
    const artifacts = folder();
    const script = `echo a > "$AFD_WORK_DIR/a.csv"; echo b > "$TMPDIR/b"; stat -c '%u %a' "$AFD_WORK_DIR"
      echo '{"type":"log","level":"info","message":"by descriptor"}' >&7
      echo '{"type":"log","level":"info","message":"by file"}' >> "$AFD_EVENTS_FILE"
      mv "$AFD_WORK_DIR" "$AFD_WORK_DIR-gone" 2>/dev/null && echo moved; echo '{"result": 5}' > "$AFD_RESULT_FILE"; echo "$AFD_WORK_DIR"`;
    const outcome = await run(script, attempt, { artifacts, keep_files: ['*.csv'] });
    expect(outcome).toEqual({ kind: 'done', result: 5, enqueue: [] });
    expect(messagesOf(attempt)).toContain(`${nobody.uid} 700`);
    expect(messagesOf(attempt)).toEqual(expect.arrayContaining(['by file', 'by descriptor']));
    expect(messagesOf(attempt)).not.toContain('moved');
    const { task_id, attempt: number } = attempt.task;
    const kept = join(artifacts, `${task_id}`, `${number}`, 'a.csv');
    expect([readFileSync(kept, 'utf8'), statSync(kept).uid]).toEqual(['a\n', 0]);
    const work = messagesOf(attempt).find((line) => basename(line) === 'work')!;
    expect(existsSync(join(work, '..'))).toBe(false);
  });

  it('cannot read what only the worker may', async () => {
    const file = join(folder({ secret: 'canary' }), 'secret');
    const attempt = testAttempt();
    await run(`cat ${file} 2>&1; cat /proc/$PPID/environ 2>&1`, attempt);
    expect(messagesOf(attempt).filter((line) => /denied/.test(line))).toHaveLength(2);
  });

  it('is no way out of the end: all that they started is ended, also what left the group', async () => {
    const attempt = testAttempt();
    const script = `trap '' TERM; (setsid sh -c "trap '' TERM; echo away; exec sleep 600" &) ; sleep 600`;
    const more = { host, user: nobody, cwd: '/', kill_grace: 0.1 };
    expect(await shUntil(/^away$/, 'timeout', script, more, attempt)).toMatchObject({ kind: 'timeout' });
    expect(left(attemptStamp(attempt))).toEqual([]);
  });

  it('may be a uid with a gid, with or without a name, under limits that they may set', async () => {
    const both = await handlerUser('a', '4711:4712', PATH);
    expect(both).toEqual({ name: '4711', uid: 4711, gid: 4712, home: '/' });
    expect(await handlerUser('a', `${nobody.uid}`, PATH)).toEqual(nobody);
    const attempt = testAttempt();
    const prefix = await limitPrefix('a', { limits: { nice: 5 }, umask: '027' }, PATH, both);
    await run('id -u; id -g; echo "$HOME $USER"; umask', attempt, { user: both, prefix });
    expect(messagesOf(attempt)).toEqual(['4711', '4712', '/ 4711', '0027']);
    const raised = limitPrefix('a', { limits: { nice: -5 }, umask: undefined }, PATH, both);
    await expect(raised).rejects.toThrow('handlers.a.limits.nice cannot be applied');
  });

  it('refuses the start as somebody whom the machine does not know, or whose group it does not', async () => {
    await expect(handlerUser('a', 'no-such-user', PATH)).rejects.toMatchObject({
      ...{ code: 'E_CONFIG', message: expect.stringContaining('a.user is no-such-user, but there is no such user') },
    });
    await expect(handlerUser('a', '4711', PATH)).rejects.toThrow('there is no such user; write uid:gid');
  });

  it('refuses the start of a worker that is not root', () => {
    const script = `
      const { handlerUser } = await import(process.argv[1]);
      await handlerUser('a', 'nobody', '/usr/bin').catch((error) => console.log(error.code, error.message));`;
    const built = pathToFileURL(join(process.cwd(), 'dist/core/handlers/command/handler-user.js')).href;
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, built], {
      ...{ uid: nobody.uid, gid: nobody.gid, cwd: '/', env: {}, encoding: 'utf8' },
    });
    expect(said).toMatch(
      /^E_CONFIG handlers.a.user is nobody, but this process runs as uid \d+, and only root may start/,
    );
  });

  it('refuses a program that they may not execute', async () => {
    const program = join(folder({ 'run.sh': '#!/bin/sh\n' }), 'run.sh');
    chmodSync(program, 0o700);
    const options = commandOptions([program], { host, user: nobody });
    expect(await checkCommand(options)).toMatch(/^the user nobody may not execute .*run.sh, or one of its folders$/);
    expect(await checkCommand(commandOptions(['true'], { host, user: nobody, cwd: '/' }))).toBeUndefined();
  });

  it('is who the process of a module runs as, and its end is ours', async ({ skip }) => {
    const problem = await accessProblem(nobody, '-r', join(FIXTURES, 'evaluated.mjs'), PATH);
    if (problem !== undefined) skip(`the folder of this project is not for all users: ${problem}`);
    const scene = await openProcesses({ user: nobody, cwd: '/' });
    const outcome = await scene.execute(async () => {
      const { getuid: uid, getgid: gid, getgroups: groups, pid } = process as Required<NodeJS.Process>;
      return { uid: uid(), gid: gid(), groups: groups(), pid };
    });
    expect(outcome).toMatchObject({ kind: 'done', result: { uid: nobody.uid, gid: nobody.gid, groups: [nobody.gid] } });
    const attempt = testAttempt();
    const running = scene.execute((_task, ctx) => {
      ctx.log.info('begun');
      return new Promise(() => {});
    }, attempt);
    await attempt.logged(/^begun$/);
    attempt.abort('timeout');
    expect(await running).toMatchObject({ kind: 'timeout' });
    const { pid } = (outcome as { result: { pid: number } }).result;
    await until(() => !existsSync(`/proc/${pid}`), 5000, 'the end of the process');
  });
});

it('the setting is a name or uid:gid, and for what has a process of its own', () => {
  const fits = (given: object) => handlerSchema.safeParse(given).success;
  expect(handlerSchema.parse({ exec: ['a'], user: 1000 }).user).toBe('1000');
  expect(fits({ exec: ['a'], user: '1000:100' })).toBe(true);
  expect(fits({ module: './a.ts', isolation: 'process', user: '_svc-1.x' })).toBe(true);
  for (const user of ['', 'a b', '-x', 'a:b', -1]) expect(fits({ exec: ['a'], user }), `${user}`).toBe(false);
  expect(fits({ module: './a.ts', user: 'crawler' })).toBe(false);
});
