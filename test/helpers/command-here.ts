// `afd …` of dist inside this process: what a new process does, without the half second of a core that it costs to start
// one. For commands that end by themselves, one at a time: arguments, environment, folder and streams are the process's.
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CommandRun } from './command.ts';

const ROOT = new URL('../../', import.meta.url);
const BIN = fileURLToPath(new URL('bin/run.js', ROOT));
/** Loaded as Node would load it, not by vitest (vitest.config.ts): the code that a user runs. */
const PROGRAM = fileURLToPath(new URL('dist/cli/run.js', ROOT));

type Program = { runProgram(dir: string, argv: string[]): Promise<void> };

let last: Promise<unknown> = Promise.resolve();

/** Runs after all that was asked for before. `env` is the whole environment. */
export async function runHere(argv: string[], cwd: string, env: Record<string, string>): Promise<CommandRun> {
  const mine = last.then(() => run(argv, cwd, env));
  last = mine.catch(() => {});
  return mine;
}

async function run(argv: string[], cwd: string, env: Record<string, string>): Promise<CommandRun> {
  const { runProgram } = (await import(PROGRAM)) as Program;
  const output = { stdout: '', stderr: '' };
  const before = { cwd: process.cwd(), env: { ...process.env }, argv: process.argv, exit: process.exit };
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write };
  const code = process.exitCode;
  const draining = process.stdout.listeners('drain');
  let exited: number | undefined;
  try {
    process.chdir(cwd);
    replaceEnvironment(env);
    process.argv = [process.execPath, BIN, ...argv];
    process.exitCode = undefined;
    // oclif's last step, behind which nothing comes.
    process.exit = ((asked?: number) => {
      exited ??= asked ?? Number(process.exitCode ?? 0);
    }) as typeof process.exit;
    for (const name of ['stdout', 'stderr'] as const) process[name].write = keeper((text) => (output[name] += text));
    await runProgram(pathToFileURL(BIN).href, argv);
    return { code: exited ?? Number(process.exitCode ?? 0), ...output };
  } finally {
    // oclif's flush waits for a drain, which the streams of a process that ends need not.
    for (const one of process.stdout.listeners('drain'))
      if (!draining.includes(one)) process.stdout.off('drain', one as () => void);
    Object.assign(process.stdout, { write: writes.stdout });
    Object.assign(process.stderr, { write: writes.stderr });
    Object.assign(process, { argv: before.argv, exit: before.exit, exitCode: code });
    replaceEnvironment(before.env as Record<string, string>);
    process.chdir(before.cwd);
  }
}

/** In place, since what is called from here reads the real one: the zone, and the environment of a child. */
function replaceEnvironment(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

function keeper(keep: (text: string) => void): typeof process.stdout.write {
  return ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown) => {
    keep(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
    const call = typeof encoding === 'function' ? encoding : done;
    if (typeof call === 'function') queueMicrotask(() => call());
    return true;
  }) as typeof process.stdout.write;
}
