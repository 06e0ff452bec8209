import type { Context } from '../context/context.ts';
import { failedAttempts } from '../db/logs/logged-attempts.ts';
import { deviceLog, deviceLogStart } from '../db/logs/read-log.ts';
import { resolveDeviceId } from '../devices/find-device.ts';
import { sleep } from '../runtime/loop.ts';
import { AttemptReader } from './attempt-reader.ts';
import { entriesOf, gapBefore, type LogEntry, type LogFilter } from './log-entry.ts';
import { patiently } from './task-log.ts';

const POLL_MS = 400;
/** Attempts whose last piece is remembered, so that a gap shows. */
const MOST_KNOWN = 10_000;
/** Failed attempts that are shown at once. */
export const MOST_FAILED = 100;

export interface DeviceLogOptions extends LogFilter {
  /** Its id, or the beginning of it. */
  device: string;
  /** Lines that were written within this time before now. */
  seconds: number;
  follow: boolean;
  signal: AbortSignal;
}

/** What all attempts of a device print, in the order in which it was written. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function* deviceLogs(context: Context, options: DeviceLogOptions): AsyncGenerator<LogEntry> {
  const { device, seconds, follow, signal } = options;
  const { names } = context;
  const session = await context.session();
  const deviceId = await resolveDeviceId(session, names, device, 'afd logs --device');
  const ends = new Map<string, number>();
  let after = await deviceLogStart(session, names, deviceId, seconds);
  while (!signal.aborted) {
    const pieces = await patiently(session, follow, signal, () => deviceLog(session, names, deviceId, after));
    for (const piece of pieces) {
      const key = `${piece.task_id} ${piece.attempt}`;
      yield* gapBefore(piece, ends.get(key) ?? piece.from_byte);
      if (ends.size >= MOST_KNOWN) ends.clear();
      ends.set(key, piece.to_byte);
      yield* entriesOf(piece, options);
      after = piece.id;
    }
    if (pieces.length > 0) continue;
    if (!follow) return;
    await sleep(POLL_MS, signal);
  }
}

/** The logs of attempts that failed within the last seconds, oldest first, each followed by how it ended. @throws DatabaseError */
export async function* failedLogs(
  context: Context,
  { seconds, signal, ...filter }: LogFilter & { seconds: number; signal: AbortSignal },
): AsyncGenerator<LogEntry> {
  const session = await context.session();
  for (const state of await failedAttempts(session, context.names, seconds, MOST_FAILED)) {
    if (signal.aborted) return;
    yield { kind: 'attempt', ...state };
    yield* await new AttemptReader(session, context.names, state, filter).next();
    yield { kind: 'attempt_end', ...state };
  }
}
