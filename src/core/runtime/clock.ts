// The only file that reads this machine's clocks. The monotonic clock bounds how long an answer of the database is
// trusted; it never decides who owns what. The wall clock is for log lines alone.
import { performance } from 'node:perf_hooks';
import { hrtime } from 'node:process';

/** performance.now() counts from the start of its thread, and costs a tenth of hrtime. */
const THREAD_START_MS = Number(hrtime.bigint() / 1000n) / 1000 - performance.now();

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
