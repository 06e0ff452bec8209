// The only file that reads this machine's clocks. The monotonic clock bounds how long an answer of the database is
// trusted; it never decides who owns what. The wall clock is for log lines alone.
import { performance } from 'node:perf_hooks';
import { hrtime } from 'node:process';

/** Far more than one of them is read while nothing else has the processor. */
const READINGS = 20;

/**
 * When a thread's own clock began, in milliseconds of the machine's. A thread that loses the processor between the two readings would
 * be some milliseconds off for good, and take what another thread has seen for later than it was: so both are read some times,
 * and those readings count that were over soonest.
 * @param machine nanoseconds
 * @param own milliseconds since the thread began
 */
export function threadStartMs(machine: () => bigint, own: () => number): number {
  let start = 0;
  let shortest = Number.POSITIVE_INFINITY;
  for (let n = 0; n < READINGS; n += 1) {
    const before = machine();
    const now = own();
    const took = Number(machine() - before);
    if (took >= shortest) continue;
    shortest = took;
    start = (Number(before / 1000n) + took / 2000) / 1000 - now;
  }
  return start;
}

/** performance.now() costs a tenth of hrtime. */
const THREAD_START_MS = threadStartMs(
  () => hrtime.bigint(),
  () => performance.now(),
);

/** Milliseconds of the machine's monotonic clock: the same in every thread of the process, meaningless elsewhere. */
export function monotonic(): number {
  return THREAD_START_MS + performance.now();
}

/** ISO 8601 UTC of this machine's wall clock. For log lines only. */
export function wallClock(): string {
  return new Date().toISOString();
}

/** Milliseconds since 1970 by this machine's wall clock. For times that handlers get or give. */
export function wallMilliseconds(): number {
  return Date.now();
}
