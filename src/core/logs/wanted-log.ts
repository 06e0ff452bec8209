import type { Context } from '../context/context.ts';
import { momentFrom, type When } from '../context/moment.ts';
import { databaseNowMs } from '../db/rows.ts';
import { AfdError } from '../domain/errors.ts';
import type { LogStream } from '../domain/run-log/log-line.ts';
import { deviceLogs, failedLogs } from './device-log.ts';
import type { LogEntry } from './log-entry.ts';
import { taskLog } from './task-log.ts';

export type { LogEntry };

/** What `afd logs` was asked for: exactly one of task, device and failed. */
export interface WantedLog {
  task_id?: number | undefined;
  device?: string | undefined;
  failed?: boolean;
  attempt?: number | undefined;
  since?: When | undefined;
  stream?: LogStream | undefined;
  /** A regular expression. */
  grep?: string | undefined;
  follow: boolean;
  signal: AbortSignal;
}

/** Seconds of a device's log that are shown when no time is given; of failed attempts. */
const DEVICE_SECONDS = 600;
const FAILED_SECONDS = 3600;

/** The entries, in order. @throws AfdError E_USAGE, E_NOT_FOUND; DatabaseError */
export async function* wantedLog(context: Context, wanted: WantedLog): AsyncGenerator<LogEntry> {
  const { task_id, device, failed = false, attempt, follow, signal, stream } = wanted;
  if ([task_id !== undefined, device !== undefined, failed].filter(Boolean).length !== 1) {
    throw new AfdError('E_USAGE', 'Name one task, or pass --device DEVICE or --failed.', {
      suggestions: ['afd logs --failed', 'afd tasks ls'],
    });
  }
  if (failed && follow) throw new AfdError('E_USAGE', '--failed cannot be followed; use --device DEVICE --follow.');
  if (task_id === undefined && attempt !== undefined) throw new AfdError('E_USAGE', '--attempt needs a task id.');
  const pattern = patternOf(wanted.grep);
  const session = await context.session();
  const now = await databaseNowMs(session);
  const sinceMs = wanted.since === undefined ? undefined : Date.parse(momentFrom(now, wanted.since));
  const filter = { stream, pattern, sinceMs };
  const seconds = (otherwise: number) => (sinceMs === undefined ? otherwise : Math.max(0, (now - sinceMs) / 1000));
  if (task_id !== undefined) yield* taskLog(context, { task_id, attempt, follow, signal, ...filter });
  else if (device !== undefined) {
    yield* deviceLogs(context, { device, follow, signal, seconds: seconds(follow ? 0 : DEVICE_SECONDS), ...filter });
  } else yield* failedLogs(context, { signal, stream, pattern, seconds: seconds(FAILED_SECONDS) });
}

/** @throws AfdError E_USAGE */
function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text, 'u');
  } catch (error) {
    throw new AfdError('E_USAGE', `--grep is not a regular expression: ${(error as Error).message}`);
  }
}
