// RB14: what a task says is never read by a shell, whichever field says it. RB15: what a process is given, exactly.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { moduleEnvironment } from '../../../../../src/core/handlers/command/command-environment.ts';
import { type OpenCommandHost, openCommandHost } from '../../../../../src/core/handlers/command/command-host.ts';
import { limitPrefix } from '../../../../../src/core/handlers/command/limit-programs.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { PATH, run } from '../../../../fixtures/handlers/command.ts';
import { processScene } from '../../../../fixtures/handlers/process.ts';

const SRC = fileURLToPath(new URL('../../../../../src/', import.meta.url));
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => [name, readFileSync(join(SRC, name), 'utf8')] as const);

describe('RB14 no shell reads what a task says', () => {
  let host: OpenCommandHost;
  let folder: string;
  beforeAll(async () => {
    host = await openCommandHost(PATH, () => {});
    folder = mkdtempSync(join(tmpdir(), 'afd-no-shell-'));
  });
  afterAll(async () => {
    await host.close();
    rmSync(folder, { recursive: true });
  });

  const attacks = () => {
    const did = `touch ${join(folder, 'did')}`;
    return [
      ...[`; ${did}`, `$(${did})`, `\`${did}\``, `| ${did}`, `& ${did} &`, `&& ${did}`, `|| ${did}`, `\n${did}\n`],
      ...[`"; ${did}; "`, `'; ${did}; '`, `> ${join(folder, 'did')}`, `>> ${join(folder, 'did')}`, `<(${did})`],
      ...[`\${IFS}$(${did})`, `x=$(${did})`, `-exec ${did} ;`, `--; ${did}`, `!${did}`],
      ...[`() { :; }; ${did}`, `\\\n${did}`],
      ...['*', '~root', '$HOME', '$((1/0))', '%0a', '\u2028', '-rf', '#', '\r', '{a,b}', '[a-z]*', '?'],
    ];
  };

  it.each(['plain', 'with a umask, a niceness and a limit of files'])(
    'a command %s',
    async (kind) => {
      const limits = kind === 'plain' ? {} : { nice: 1, open_files: 200 };
      const prefix = kind === 'plain' ? [] : await limitPrefix('a', { limits, umask: '077' }, PATH);
      for (const attack of attacks()) {
        const task_data = { username: attack, app_id: attack, [attack]: [attack], start_date: attack };
        const attempt = testAttempt({ task_type: attack, task_data, checkpoint: { [attack]: attack } });
        // The argument is of the configuration; a task has no say in it. It is no shell's either.
        const argv = ['printf', '%s', attack.replaceAll('%', '%%')];
        const worker_env = { PATH, LANG: attack, LC_ALL: 'C' };
        const outcome = await run(argv, { host, prefix, limits, worker_env }, attempt);
        expect(outcome, attack).toMatchObject({ kind: 'done' });
        await run(['env'], { host, prefix, limits }, attempt);
        await run(['cat'], { host, prefix, limits }, attempt);
      }
      expect(readdirSync(folder)).toEqual([]);
    },
    60_000,
  );

  it('a task starts exactly one process, and its task is on stdin as it was', async () => {
    for (const attack of attacks().slice(0, 12)) {
      const attempt = testAttempt({ task_type: attack, task_data: { text: attack } });
      const script = `import os,sys,json;pid=os.getpid();t=json.load(sys.stdin);
kids=open('/proc/self/task/%d/children'%pid).read().split()
json.dump({'result':{'t':t['task_data']['text'],'kids':kids,'type':os.environ['AFD_TASK_TYPE']}},open(os.environ['AFD_RESULT_FILE'],'w'))`;
      const outcome = await run(['python3', '-c', script], { host }, attempt);
      if (outcome.kind !== 'done') expect(outcome).toMatchObject({ error_class: 'ENOENT' });
      else expect(outcome.result).toEqual({ t: attack, kids: [], type: attack });
    }
  });

  it('no source asks for a shell, but three that give it a script of their own', () => {
    const asks = sources.filter(([, text]) =>
      /\bshell: true|\{ shell: |\bexecSync\(|\bimport \{[^}]*\bexec\b[^}]*\} from 'node:child_process'/.test(text),
    );
    expect(asks.map(([name]) => name)).toEqual([]);
    const shells = sources.filter(
      ([, text]) => /'(?:\/bin\/)?(?:sh|bash)'/.test(text) && /child_process|tried\(/.test(text),
    );
    // `umask` is no program; the guard waits in a shell because that takes a megabyte; a command waits in
    // one until it is in its cgroup. The scripts are constants, and what they
    // run comes as arguments ("$@").
    expect(shells.map(([name]) => name).sort()).toEqual([
      'core/handlers/command/limit-programs.ts',
      'core/handlers/processes/attempt-groups.ts',
      'core/handlers/processes/leftover-guard.ts',
    ]);
    for (const [, text] of shells) {
      const [, script] = /_?SCRIPT = [`'](.*)[`'];/.exec(text) ?? [];
      expect(script).toContain('exec "$@"');
      expect(script).not.toContain('${');
    }
  });
});

describe('RB15 what a process of a module is given', () => {
  const worker_env = {
    ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd' },
    ...{ LANG: 'C.UTF-8', LC_TIME: 'de_DE', TZ: 'UTC', LANGUAGE: 'de' },
    ...{ TMPDIR: '/tmp', NOTIFY_SOCKET: '/run/systemd/notify', AFD_DATABASE_URL: 'mysql://u:secret@h/d' },
    ...{ MYSQL_PASSWORD: 'secret', NODE_OPTIONS: '--inspect', HTTPS_PROXY: 'http://u:p@proxy', API_TOKEN: 't0ken' },
    ...{ CREDENTIALS_DIRECTORY: '/run/credentials', LD_PRELOAD: '/x.so', SHELL: '/bin/sh', SSH_AUTH_SOCK: '/s' },
  };

  it('is exactly the allow-list and what the configuration names; no claim token, which only commands need', async () => {
    const env = moduleEnvironment('sync_data', { TOKEN: '$' + '{API_TOKEN}', LANG: 'C' }, worker_env);
    const scene = await processScene({ env });
    onTestFinished(() => scene.processes.stop());
    const outcome = await scene.execute(async () => ({ ...process.env }));
    const { result } = outcome as { result: Record<string, string> };
    // Node's own, by which it finds the channel to the worker; it takes them away before the module sees them.
    expect(Object.keys(result).filter((name) => name.startsWith('NODE_'))).toEqual([]);
    expect(result).toEqual({
      ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd', LC_TIME: 'de_DE', TZ: 'UTC', LANGUAGE: 'de' },
      ...{ LANG: 'C', TOKEN: 't0ken', TMPDIR: '/tmp' },
    });
  });
});
