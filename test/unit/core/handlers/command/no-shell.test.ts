// RB14: what a task says is never read by a shell, whichever field says it. RB15: what a process is given, exactly.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleEnvironment } from '../../../../../src/core/handlers/command/command-environment.ts';
import { type OpenCommandHost, openCommandHost } from '../../../../../src/core/handlers/command/command-host.ts';
import { limitPrefix } from '../../../../../src/core/handlers/command/limit-programs.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { PATH, run } from '../../../../fixtures/handlers/command.ts';
import { openProcesses } from '../../../../fixtures/handlers/process.ts';

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
      ...[`; ${did}`, `$(${did})`, `\`${did}\``, `| ${did}`, `\n${did}\n`, `"; ${did}; "`, `'; ${did}; '`],
      ...[`> ${join(folder, 'did')}`, `\${IFS}$(${did})`, `() { :; }; ${did}`, '*', '$((1/0))', '-rf', '\u2028'],
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
      }
      expect(readdirSync(folder)).toEqual([]);
    },
    60_000,
  );

  it('no source asks for a shell, but three that give it a script of their own', () => {
    const asks = sources.filter(([, text]) =>
      /\bshell: true|\{ shell: |\bexecSync\(|\bimport \{[^}]*\bexec\b[^}]*\} from 'node:child_process'/.test(text),
    );
    expect(asks.map(([name]) => name)).toEqual([]);
    const shells = sources.filter(
      ([, text]) => /'(?:\/bin\/)?(?:sh|bash)'/.test(text) && /child_process|tried\(/.test(text),
    );
    // Their scripts are constants; what these run comes as arguments ("$@").
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

it('RB15 what a process of a module is given is exactly the allow-list and what the configuration names', async () => {
  const worker_env = {
    ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd' },
    ...{ LANG: 'C.UTF-8', LC_TIME: 'de_DE', TZ: 'UTC', LANGUAGE: 'de' },
    ...{ TMPDIR: '/tmp', NOTIFY_SOCKET: '/run/systemd/notify', AFD_DATABASE_URL: 'mysql://u:secret@h/d' },
    ...{ MYSQL_PASSWORD: 'secret', NODE_OPTIONS: '--inspect', HTTPS_PROXY: 'http://u:p@proxy', API_TOKEN: 't0ken' },
    ...{ CREDENTIALS_DIRECTORY: '/run/credentials', LD_PRELOAD: '/x.so', SHELL: '/bin/sh', SSH_AUTH_SOCK: '/s' },
  };
  const env = moduleEnvironment('sync_data', { TOKEN: '$' + '{API_TOKEN}', LANG: 'C' }, worker_env);
  const scene = await openProcesses({ env });
  const { result } = (await scene.execute(async () => ({ ...process.env }))) as { result: Record<string, string> };
  expect(result).toEqual({
    ...{ PATH, HOME: '/home/afd', USER: 'afd', LOGNAME: 'afd', LC_TIME: 'de_DE', TZ: 'UTC', LANGUAGE: 'de' },
    ...{ LANG: 'C', TOKEN: 't0ken', TMPDIR: '/tmp' },
  });
});
