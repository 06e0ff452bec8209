// What `afd run` does around the handler: signals, what a module does to this process, live output, and the exit code.
import { hostname } from 'node:os';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import type { AfdError } from '../../core/domain/errors.ts';
import type { HandlerRun } from '../../core/run/handler-run.ts';
import type { NewTask } from '../../core/tasks/tasks.ts';
import { failureOf } from '../failure.ts';
import { catchHandlerFaults } from '../handler-faults.ts';
import { renderFailure } from '../print-failure.ts';
import { printable } from '../render/text.ts';
import { shutdownSignals } from '../shutdown.ts';
import { liveLog } from './live-log.ts';

export interface RunRequest {
  resolved: Pick<ResolvedConfig, 'config' | 'baseDir'>;
  task: NewTask;
  attempt: number;
  watch: boolean;
  /** stdout is reserved for the result. */
  json: boolean;
  colour: boolean;
  render(run: HandlerRun): string;
}

/** The last run, and the exit code of the command. @throws those of runOnce and watchHandler */
export async function runHandler(request: RunRequest): Promise<{ run: HandlerRun | undefined; exit: number }> {
  const { resolved, task, attempt, json, colour } = request;
  // As they are now: what a module prints is caught on the way to them.
  const stdout = process.stdout.write.bind(process.stdout) as (text: string) => void;
  const stderr = process.stderr.write.bind(process.stderr) as (text: string) => void;
  const shutdown = shutdownSignals();
  const faults = catchHandlerFaults();
  faults.catchOutput();
  const options = {
    ...{ resolved, task, attempt, env: process.env, hostname: hostname(), strays: faults.strays },
    ...{ stop: shutdown.drain, force: shutdown.force },
    log: liveLog({ stdout: json ? stderr : stdout, stderr, colour }),
    onWarning: (message: string) => stderr(`Warning: ${printable(message)}\n`),
  };
  const say = (text: string) => stderr(`${text}\n`);
  const tell = {
    ended: (run: HandlerRun) => stdout(`${request.render(run)}\n`),
    failed: (error: AfdError) => stderr(renderFailure(failureOf(error, { command: 'afd run', flags: [] }), colour)),
    waiting: (file: string) =>
      say(`Waiting for a change of ${printable(file)} or another file in its folder. Ctrl-C ends this.`),
    changed: (name: string) => say(`\n${printable(name)} changed: running ${printable(task.task_type)} again.`),
  };
  try {
    const { exitCodeOf } = await import('../../core/run/handler-run.ts');
    if (request.watch) {
      const { watchHandler } = await import('../../core/run/watch-handler.ts');
      const run = await watchHandler(options, tell);
      return { run, exit: shutdown.exitCode({ inTime: run?.outcome !== 'released' }) };
    }
    const { runOnce } = await import('../../core/run/run-once.ts');
    const run = await runOnce({ ...options, anew: false });
    return { run, exit: exitCodeOf(run) ?? (shutdown.exitCode({ inTime: false }) || 1) };
  } finally {
    faults.dispose();
    shutdown.dispose();
  }
}
