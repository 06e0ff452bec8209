import { join, resolve } from 'node:path';
import type { HandlerConfig } from '../../config/config-schema.ts';
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import { withEnd } from '../../domain/text/error-text.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import { wallClock } from '../../runtime/clock.ts';
import { abortedOutcome } from '../aborted-outcome.ts';
import { CommandEvents } from '../events/command-events.ts';
import type { Attempt, Handler } from '../handler.ts';
import { attemptStamp } from '../processes/worker-stamp.ts';
import { keepArtifacts } from './artifacts.ts';
import { AttemptWatch } from './attempt-watch.ts';
import {
  attemptEnvironment,
  commandEnvironment,
  type Environment,
  referencesOf,
  withSecrets,
} from './command-environment.ts';
import type { CommandHost } from './command-host.ts';
import { CommandOutput } from './command-output.ts';
import { exitOutcome } from './exit-outcome.ts';
import { accessProblem, type HandlerUser } from './handler-user.ts';
import { oomKills, saysOutOfMemory } from './oom-evidence.ts';
import { findProgram, folderProblem } from './program.ts';
import { readResultFile } from './result-file.ts';
import { type CommandEnd, runCommand } from './run-command.ts';
import { WorkFolder } from './work-folder.ts';

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
  host: CommandHost;
  /** `handlers.<type>.limits`; nice and open_files are applied by `prefix`. */
  limits: HandlerConfig['limits'];
  /** argv that sets limits and umask (`limitPrefix`). */
  prefix: string[];
  keep_folder: HandlerConfig['keep_folder'];
  /** As whom it runs; undefined = as the worker. */
  user?: HandlerUser | undefined;
  /** `handlers.<type>.files.keep`. */
  keep_files: string[];
  /** `worker.artifacts` as an absolute path; undefined = none is kept. */
  artifacts: string | undefined;
}

/** A handler that starts a program per attempt. @throws AfdError E_CONFIG: env names a variable that is not set */
export function commandHandler(options: CommandHandlerOptions): Handler {
  const env = commandEnvironment(options.task_type, options.env, options.worker_env, options.user);
  const secrets = referencesOf(env);
  return { timeout: options.timeout, killable: true, secrets, execute: (attempt) => execute(options, env, attempt) };
}

/**
 * Why a command could not be started (program or working directory missing), or undefined: asked by a worker at its
 * start, so that a typing error does not spend the attempts of a thousand tasks.
 */
export async function checkCommand(options: CommandHandlerOptions): Promise<string | undefined> {
  const env = commandEnvironment(options.task_type, options.env, options.worker_env, options.user);
  const program = await findProgram(options.exec[0]!, options.base_dir, env.PATH);
  if ('problem' in program) return program.problem;
  const { user, worker_env } = options;
  const refused = user && (await accessProblem(user, '-x', program.file, worker_env.PATH));
  return refused ?? folderProblem(workingDirectory(options));
}

async function execute(options: CommandHandlerOptions, env: Environment, attempt: Attempt): Promise<Outcome> {
  const { task } = attempt;
  if (attempt.aborted() !== undefined)
    return abortedOutcome(attempt.aborted(), task.timeout, '; the command had not started');
  const { processes } = options.host;
  const ownStamp = attemptStamp(attempt);
  let folder: WorkFolder | undefined;
  let outcome: Outcome;
  try {
    const program = await findProgram(options.exec[0]!, options.base_dir, env.PATH);
    const problem = 'problem' in program ? program.problem : await folderProblem(workingDirectory(options));
    if (problem !== undefined || 'problem' in program) {
      return failedAttempt(`The command of ${options.task_type} cannot be started: ${problem}.`, 'ENOENT');
    }
    folder = await WorkFolder.make(processes?.stamp, options.user);
    processes?.began(ownStamp);
    outcome = await run(options, env, attempt, program.file, folder);
  } catch (error) {
    outcome = failedAttempt(
      `The command of ${options.task_type} cannot be run: ${thrownText(error)}`,
      errorCode(error),
    );
  } finally {
    processes?.over(ownStamp);
  }
  return folder === undefined ? outcome : leave(folder, outcome, options, attempt);
}

/** What becomes of the working folder. Never rejects. */
async function leave(
  folder: WorkFolder,
  outcome: Outcome,
  { artifacts: root, keep_files: patterns, keep_folder }: CommandHandlerOptions,
  { task: { task_id, attempt }, log }: Attempt,
): Promise<Outcome> {
  // Of what is given back the next attempt makes its own.
  if (root !== undefined && patterns.length > 0 && outcome.kind !== 'released')
    await keepArtifacts({ from: folder.path, patterns, root, task_id, attempt, log });
  const failed = outcome.kind === 'retry' || outcome.kind === 'permanent' || outcome.kind === 'timeout';
  if (!failed || keep_folder === 'never') {
    await folder.remove(log);
    return outcome;
  }
  await folder.keep(task_id, attempt, log);
  return { ...outcome, error_message: withEnd(outcome.error_message, `; working folder: ${folder.path}`) };
}

async function run(
  options: CommandHandlerOptions,
  env: Environment,
  attempt: Attempt,
  program: string,
  folder: WorkFolder,
): Promise<Outcome> {
  const { host } = options;
  const { signal, task } = attempt;
  const killsBefore = await oomKills();
  const output = new CommandOutput(attempt);
  const events = new CommandEvents(attempt, join(folder.path, 'events.jsonl'));
  const watch = new AttemptWatch(host, attempt, options.limits);
  const hold = await watch.prepare();
  const end = await runCommand({
    argv: [...host.death_signal, ...hold, ...options.prefix, program, ...options.exec.slice(1)],
    cwd: workingDirectory(options),
    user: options.user,
    env: {
      ...withSecrets(env, attempt),
      ...attemptEnvironment(attempt, folder, { stamp: host.processes?.stamp, own: options.env }),
      ...events.env,
    },
    stdin: `${hold.length > 0 ? '\n' : ''}${JSON.stringify(task)}\n`,
    output,
    events,
    hidden: host.hidden,
    signal,
    kill_grace: options.kill_grace,
    kill: options.kill,
    watch,
  });
  if (end.kind === 'not-started') {
    await watch.close();
    const text = `The command of ${options.task_type} cannot be started: ${program}: ${end.error.message}`;
    return failedAttempt(text, errorCode(end.error));
  }
  const { peak_memory, cpu_ms } = await watch.usage();
  if (peak_memory !== undefined || cpu_ms !== undefined) {
    attempt.report.usage({ peak_memory: peak_memory ?? null, cpu_ms: cpu_ms ?? null });
  }
  if (watch.exceeded !== undefined) {
    const { text, error_class } = watch.exceeded;
    return failedAttempt(`${text}${lastLines(output.stderrTail)}`, error_class);
  }
  const file = events.said.resultFile(await readResultFile(folder.resultFile));
  const exit = {
    ...end,
    stderr: output.stderrTail,
    file,
    result_promised: options.result,
    out_of_memory:
      !end.interrupted && (await outOfMemory(end, output.stderrTail, { before: killsBefore, counted: watch.oomKills })),
    now: Date.parse(wallClock()),
  };
  if (!end.interrupted) return events.said.complete(exitOutcome(exit));
  // Many programs answer SIGTERM with exit code 0 and half of the work, so after it only a written result is done.
  const outcome = file.kind === 'value' ? events.said.complete(exitOutcome(exit)) : undefined;
  if (outcome?.kind === 'done' && signal.reason !== 'timeout') return outcome;
  return abortedOutcome(signal.reason, task.timeout, lastLines(exit.stderr));
}

function lastLines(stderr: string): string {
  return stderr === '' ? '' : `; last lines of stderr: ${stderr}`;
}

async function outOfMemory(
  end: Extract<CommandEnd, { kind: 'exited' }>,
  stderr: string,
  kills: { before: number | undefined; counted: number | undefined },
): Promise<boolean> {
  if (end.code === 0) return false;
  if (saysOutOfMemory(stderr)) return true;
  if (end.signal !== 'SIGKILL' && end.code !== 137) return false;
  if (kills.counted !== undefined) return kills.counted > 0;
  const after = await oomKills();
  return after !== undefined && kills.before !== undefined && after > kills.before;
}

function workingDirectory({ base_dir, cwd }: CommandHandlerOptions): string {
  return resolve(base_dir, cwd ?? '.');
}

function errorCode(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code ?? 'Error';
}
