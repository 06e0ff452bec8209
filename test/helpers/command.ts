import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface CommandRun {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd: string;
  /** In place of this process's environment, from which only PATH, HOME and the place of server programs are taken over. */
  env?: Record<string, string>;
  /** Words before node, such as setpriv. */
  wrapper?: string[];
}

const { AFD_SERVER_FOLDERS } = process.env;
const FOLDERS = AFD_SERVER_FOLDERS === undefined ? {} : { AFD_SERVER_FOLDERS };

/** Starts `afd …` from dist in a process group of its own. */
export function spawnCommand(args: string[], { cwd, env = {}, wrapper = [] }: CommandOptions): ChildProcess {
  const [program, ...rest] = [...wrapper, process.execPath, BIN, ...args];
  return spawn(program!, rest, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...FOLDERS, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

/** Runs `afd …` to its end. */
export async function runCommand(args: string[], options: CommandOptions): Promise<CommandRun> {
  const child = spawnCommand(args, options);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}
