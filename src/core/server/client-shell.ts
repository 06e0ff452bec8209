import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { AfdError } from '../domain/errors.ts';
import { serverUrl } from './embedded-server.ts';
import { childEnvironment, type Host, runProgram } from './host.ts';
import { installPlan } from './server-install.ts';
import { findProgram } from './server-program.ts';

export interface ShellOptions {
  /** Statements to run; undefined = whatever comes on the terminal or stdin. */
  execute?: string | undefined;
  /** Give the output back rather than show it. Only with `execute`. */
  capture?: boolean;
}

/**
 * Runs the command-line client on the embedded server to its end.
 * @throws AfdError E_NOT_FOUND when no server runs, E_SERVER_MISSING naming the client's package, E_USAGE
 */
export async function openShell(
  dir: string,
  host: Host,
  options: ShellOptions,
): Promise<{ code: number; output: string }> {
  if (options.capture === true && options.execute === undefined) {
    throw new AfdError('E_USAGE', '--json needs --execute: an interactive shell cannot print JSON.', {
      suggestions: ['afd db shell --json --execute "SELECT 1"'],
    });
  }
  const url = new URL(await serverUrl(dir, host));
  const client = await findProgram(host, ['mariadb', 'mysql']);
  if (client === undefined) {
    const plan = installPlan(host.platform, await readFile('/etc/os-release', 'utf8').catch(() => ''));
    const command = plan.apt ? `sudo apt-get install ${plan.packages.at(-1)}` : plan.command;
    throw new AfdError('E_SERVER_MISSING', 'No client program (mariadb or mysql) is installed.', {
      suggestions: [command],
    });
  }
  const argv = [
    '--no-defaults',
    `--socket=${url.searchParams.get('socket')}`,
    `--user=${url.username}`,
    ...(options.execute === undefined ? [] : [`--execute=${options.execute}`]),
    url.pathname.slice(1),
  ];
  // Not passed as an argument: every user of the machine can read those.
  const secret = { MYSQL_PWD: url.password };
  if (options.capture === true) return runProgram(host, [client, ...argv], secret);
  const terminal = host.env.TERM === undefined ? {} : { TERM: host.env.TERM };
  const child = spawn(client, argv, { env: { ...childEnvironment(host), ...terminal, ...secret }, stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, output: '' };
}
