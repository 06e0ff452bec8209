import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runHere } from './command-here.ts';

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

const { PATH, HOME, AFD_SERVER_FOLDERS } = process.env;
/** What is taken over. Read once: a command that runs in this process changes its environment. */
const TAKEN: Record<string, string> = JSON.parse(JSON.stringify({ PATH, HOME, AFD_SERVER_FOLDERS }));
const environment = (env: Record<string, string>) => ({ ...TAKEN, ...env });

/** Starts `afd …` from dist in a process group of its own. */
export function spawnCommand(args: string[], { cwd, env = {}, wrapper = [] }: CommandOptions): ChildProcess {
  const [program, ...rest] = [...wrapper, process.execPath, BIN, ...args];
  return spawn(program!, rest, { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

/** Commands that are a node, a server or a measurement: they are about their process. */
const OF_A_PROCESS = ['worker', 'gateway', 'start', 'run', 'bench', 'db'];

function needsProcess([first, second]: string[]): boolean {
  if (first === 'leader') return second !== 'status' && second !== 'resign';
  return first === undefined || OF_A_PROCESS.includes(first);
}

/**
 * Runs `afd …` to its end: in this process where nothing depends on its being one, since starting one takes half a second
 * of a core. Such commands run one at a time, and the environment and the folder of this process are theirs meanwhile: a
 * command that waits for another, and tests that run concurrently, need `runProcess`.
 */
export async function runCommand(args: string[], options: CommandOptions): Promise<CommandRun> {
  const { cwd, env = {}, wrapper = [] } = options;
  // `-` is its standard input; oclif reads DEBUG when it is loaded.
  if (needsProcess(args) || wrapper.length > 0 || args.includes('-') || env.DEBUG !== undefined)
    return runProcess(args, options);
  return runHere(args, cwd, environment(env));
}

/** Runs `afd …` to its end, as a process. */
export async function runProcess(args: string[], options: CommandOptions): Promise<CommandRun> {
  const child = spawnCommand(args, options);
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, ...said };
}
