// What `afd worker`, `afd leader` and `afd start` share: running a node until a signal stops it.
import { hostname } from 'node:os';
import type { Context } from '../core/context/context.ts';
import type { LeaderOnceResult, LeadOnceFacts } from '../core/leader/lead-once.ts';
import type { NodeFacts } from '../core/node/liveness-settings.ts';
import type { WorkerMode } from '../core/worker/worker-options.ts';
import { BaseCommand } from './base-command.ts';
import type { Failure } from './failure.ts';

export interface WorkerRun {
  device_id: string;
  /** Attempts by how they ended. */
  finished: Record<string, number>;
  /** `drained`: no more tasks due · `over_limits`: over a resource limit · `time`: --max-time reached · `signal`: stopped. */
  ended_by: 'drained' | 'over_limits' | 'time' | 'signal';
}

/** A timer of Node counts milliseconds in 32 bits; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** A service waits for its database; a round of cron is started again by cron. */
export function defaultWaitS(forever: boolean): number {
  return forever ? 60 : 10;
}

export interface WorkerLimits {
  /** Seconds after which the worker stops claiming. */
  maxTimeS: number | undefined;
  /** Seconds that the start may wait for the database; undefined = the default of the mode. */
  waitDatabaseS: number | undefined;
}

export interface LeaderLimits {
  once: boolean;
  waitDatabaseS: number | undefined;
}

export type LeaderRun = LeaderOnceResult | { device_id: string };

/** Exit codes of these are documented in docs/reference/exit-codes.md. */
export abstract class NodeCommand extends BaseCommand {
  /** Set for a round of cron whose log level hides what succeeds. */
  #quietRound = false;

  /**
   * `once` and `drain` end by themselves, with 6 when an attempt failed, 75 over a resource limit; after `maxTimeS` s as
   * by a signal, with 7.
   * @throws those of startWorker
   */
  protected async runWorker(mode: WorkerMode, { maxTimeS, waitDatabaseS }: WorkerLimits): Promise<WorkerRun> {
    const { shutdownSignals } = await import('./shutdown.ts');
    const { catchHandlerFaults } = await import('./handler-faults.ts');
    const shutdown = shutdownSignals();
    const faults = catchHandlerFaults();
    const { force } = shutdown;
    const stop = new AbortController();
    shutdown.drain.addEventListener('abort', () => stop.abort(), { once: true });
    let timeUp = false;
    const up = () => {
      timeUp = !stop.signal.aborted;
      stop.abort();
    };
    const timer = maxTimeS === undefined ? undefined : setTimeout(up, Math.min(maxTimeS * 1000, LONGEST_TIMER_MS));
    let inTime = () => {};
    const facts = { env: process.env, ...this.facts() };
    const result = await this.withContext(
      async (context) => {
        const { startWorker } = await import('../core/worker/start-worker.ts');
        const wait = { waitDatabaseS: waitDatabaseS ?? defaultWaitS(mode === 'forever') };
        const { eitherSignal } = await import('../core/runtime/either-signal.ts');
        const { strays } = faults;
        faults.catchOutput();
        this.#quietRound = mode !== 'forever' && !context.log.enabled('info');
        const forced = eitherSignal(force, strays.signal);
        const code = () => strays.fatal?.exitCode ?? (shutdown.exitCode({ inTime: false }) || 7);
        inTime = await this.endInTime(context, { asked: stop.signal, forced }, code);
        return startWorker(context, { mode, drain: stop.signal, force, strays, ...wait, ...facts });
      },
      { purpose: 'worker' },
    ).finally(() => {
      clearTimeout(timer);
      inTime();
      faults.dispose();
      shutdown.dispose();
    });
    const failed = ['retry', 'permanent', 'timeout'].some((kind) => (result.finished[kind] ?? 0) > 0);
    const byItself = result.overLimits ? 'over_limits' : 'drained';
    const ended_by = timeUp ? 'time' : shutdown.drain.aborted ? 'signal' : byItself;
    if (ended_by === byItself) this.exitWith(failed && mode !== 'forever' ? 6 : result.overLimits ? 75 : 0);
    else this.exitWith(shutdown.exitCode(result) || (timeUp ? 7 : 0));
    return { device_id: result.device_id, finished: result.finished, ended_by };
  }

  /** `once`: one round of duties if there is no leader. @throws those of runLeader and leadOnce */
  protected async runLeader({ once, waitDatabaseS = defaultWaitS(!once) }: LeaderLimits): Promise<LeaderRun> {
    const facts = { ...this.facts(), waitDatabaseS };
    // No drain here: a signal ends this process at once.
    if (once) return this.withContext((context) => this.#leadOnce(context, facts), { purpose: 'leader' });
    const { shutdownSignals } = await import('./shutdown.ts');
    const shutdown = shutdownSignals();
    let inTime = () => {};
    try {
      return await this.withContext(
        async (context) => {
          const { runLeader } = await import('../core/leader/run-leader.ts');
          const signals = { asked: shutdown.drain, forced: shutdown.force };
          inTime = await this.endInTime(context, signals, () => shutdown.exitCode({ inTime: false }));
          return runLeader(context, { ...facts, stop: shutdown.drain });
        },
        { purpose: 'leader' },
      );
    } finally {
      inTime();
      shutdown.dispose();
    }
  }

  protected facts(): NodeFacts {
    return { hostname: hostname(), version: this.config.version, pid: process.pid };
  }

  /** Ends the process when its drain takes longer than allowed, whatever hangs. */
  protected async endInTime(
    { config: { worker }, events }: Context,
    signals: { asked: AbortSignal; forced: AbortSignal },
    code: () => number,
  ): Promise<() => void> {
    const { endInTime } = await import('./end-process.ts');
    const { END_GRACE_S } = await import('../core/worker/drain.ts');
    const forced = (worker.kill_grace + END_GRACE_S) * 1000;
    return endInTime(
      signals,
      { asked: forced + worker.shutdown_timeout * 1000, forced },
      {
        code,
        tell: (message) => events.emit('warning', { message }),
      },
    );
  }

  /** Cron mails all output, and the previous round is often still running when the next one is due. */
  protected override isTold(failure: Failure): boolean {
    const { code, data } = failure;
    return !(this.#quietRound && code === 'E_DEVICE_RUNNING' && data.host === hostname());
  }

  async #leadOnce(context: Context, facts: LeadOnceFacts): Promise<LeaderOnceResult> {
    const { leadOnce } = await import('../core/leader/lead-once.ts');
    this.#quietRound = !context.log.enabled('info');
    const result = await leadOnce(context, facts);
    const failed = Object.keys(result.duties?.failed ?? {});
    if (failed.length > 0) this.exitWith(1);
    return result;
  }
}
