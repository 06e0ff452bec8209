// The only file that reads this machine's clocks. The monotonic clock bounds how long an answer of the database is
// trusted; it never decides who owns what. The wall clock is for log lines alone.
import { hrtime } from 'node:process';

/** Milliseconds of the machine's monotonic clock: the same in every thread of the process, meaningless elsewhere. */
export function monotonic(): number {
  return Number(hrtime.bigint() / 1000n) / 1000;
}

/** ISO 8601 UTC of this machine's wall clock. For log lines only. */
export function wallClock(): string {
  return new Date().toISOString();
}
