import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { wallClock } from '../../runtime/clock.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import type { Attempt, Handler } from '../handler.ts';
import { attemptEnvironment, commandEnvironment, type Environment } from './command-environment.ts';
import { CommandOutput } from './command-output.ts';
import { exitOutcome } from './exit-outcome.ts';
import { oomKills, saysOutOfMemory } from './oom-evidence.ts';
import { findProgram, folderProblem } from './program.ts';
import { readResultFile } from './result-file.ts';
import { type CommandEnd, runCommand } from './run-command.ts';

export interface CommandHandlerOptions {
  task_type: string;
  /** argv. A program with a slash is relative to `base_dir`, one without is looked up in the command's PATH. */
  exec: string[];
  /** Folder of the configuration file; also the working directory unless `cwd` (relative to it) is given. */
  base_dir: string;
  cwd?: string | undefined;
  /** `handlers.<type>.env`. */
  env: Record<string, string>;
  /** The worker's own environment. */
  worker_env: Environment;
  /** Seconds; undefined = the fleet's task_timeout. */
  timeout: number | undefined;
  /** Seconds between SIGTERM and SIGKILL. */
  kill_grace: number;
  /** Aborted: whatever runs is killed. */
  kill?: AbortSignal | undefined;
  /** A result file is promised; without one the attempt has failed. */
  result: boolean;
  /** argv that ties the command's life to this process (`findDeathSignal`); empty = not. */
  death_signal: string[];
  /** In the place of descriptors that a command would inherit (`hideInherited`). */
  hidden?: ReadonlyArray<'ignore' | number> | undefined;
}

/** A handler that starts a program per attempt. @throws AfdError E_CONFIG: env names a variable that is not set */
export function commandHandler(options: CommandHandlerOptions): Handler {
  const env = commandEnvironment(options.task_type, options.env, options.worker_env);
  return { timeout: options.timeout, killable: true, execute: (attempt) => execute(options, env, attempt) };
}

/**
 * Why a command could not be started (program or working directory missing), or undefined: asked by a worker at its
 * start, so that a typing error does not spend the attempts of a thousand tasks.
 */
export async function checkCommand(options: CommandHandlerOptions): Promise<string | undefined> {
  const env = commandEnvironment(options.task_type, options.env, options.worker_env);
  const program = await findProgram(options.exec[0]!, options.base_dir, env.PATH);
  return 'problem' in program ? program.problem : folderProblem(workingDirectory(options));
}

async function execute(options: CommandHandlerOptions, env: Environment, attempt: Attempt): Promise<Outcome> {
  const { task } = attempt;
  if (attempt.aborted() !== undefined)
    return abortedOutcome(attempt.aborted(), task.timeout, '; the command had not started');
  let folder: string | undefined;
  try {
    const program = await findProgram(options.exec[0]!, options.base_dir, env.PATH);
    const problem = 'problem' in program ? program.problem : await folderProblem(workingDirectory(options));
    if (problem !== undefined || 'problem' in program) {
      return failedAttempt(`The command of ${options.task_type} cannot be started: ${problem}.`, 'ENOENT');
    }
    // 0700, as mkdtemp makes it: the result may hold what others must not read.
    folder = await mkdtemp(join(tmpdir(), 'afd-'));
    return await run(options, env, attempt, program.file, join(folder, 'result.json'));
  } catch (error) {
    return failedAttempt(`The command of ${options.task_type} cannot be run: ${thrownText(error)}`, errorCode(error));
  } finally {
    if (folder !== undefined) {
      await rm(folder, { recursive: true, force: true }).catch((error: unknown) => {
        attempt.log.warn(`cannot remove ${folder}: ${thrownText(error)}`);
      });
    }
  }
}

async function run(
  options: CommandHandlerOptions,
  env: Environment,
  attempt: Attempt,
  program: string,
  resultFile: string,
): Promise<Outcome> {
  const { signal, task } = attempt;
  const killsBefore = await oomKills();
  const output = new CommandOutput(attempt);
  const end = await runCommand({
    argv: [...options.death_signal, program, ...options.exec.slice(1)],
    cwd: workingDirectory(options),
    env: { ...env, ...attemptEnvironment(attempt, resultFile) },
    stdin: `${JSON.stringify(task)}\n`,
    output,
    hidden: options.hidden ?? [],
    signal,
    kill_grace: options.kill_grace,
    kill: options.kill,
  });
  if (end.kind === 'not-started') {
    const text = `The command of ${options.task_type} cannot be started: ${program}: ${end.error.message}`;
    return failedAttempt(text, errorCode(end.error));
  }
  const file = await readResultFile(resultFile);
  const exit = {
    ...end,
    stderr: output.stderrTail,
    file,
    result_promised: options.result,
    out_of_memory: !end.interrupted && (await outOfMemory(end, output.stderrTail, killsBefore)),
    now: Date.parse(wallClock()),
  };
  if (!end.interrupted) return exitOutcome(exit);
  // Many programs answer SIGTERM with exit code 0 and half of the work, so after it only a written result is done.
  const outcome = file.kind === 'value' ? exitOutcome(exit) : undefined;
  if (outcome?.kind === 'done' && signal.reason !== 'timeout') return outcome;
  return abortedOutcome(
    signal.reason,
    task.timeout,
    exit.stderr === '' ? '' : `; last lines of stderr: ${exit.stderr}`,
  );
}

async function outOfMemory(
  end: Extract<CommandEnd, { kind: 'exited' }>,
  stderr: string,
  killsBefore: number | undefined,
): Promise<boolean> {
  if (end.code === 0) return false;
  if (saysOutOfMemory(stderr)) return true;
  if (end.signal !== 'SIGKILL' && end.code !== 137) return false;
  const kills = await oomKills();
  return kills !== undefined && killsBefore !== undefined && kills > killsBefore;
}

function workingDirectory({ base_dir, cwd }: CommandHandlerOptions): string {
  return resolve(base_dir, cwd ?? '.');
}

function errorCode(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code ?? 'Error';
}
