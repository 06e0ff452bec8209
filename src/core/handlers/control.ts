// What a handler may throw instead of returning a status. The contract is the shape, not these functions: any thrown
// object with `outcome: 'later' | 'permanent' | 'retry'` and `after` or `until` counts, so that handlers need not
// import afd.

/** An error whose `outcome` says how the attempt ends. */
export interface ControlError extends Error {
  outcome: 'later' | 'permanent' | 'retry';
  /** Seconds, or a duration such as "5m". */
  after?: number | string;
  /** ISO 8601 with its zone. */
  until?: string;
}

/** When to try again: seconds, a duration such as `"5m"`, or the instant. */
export type When = number | string | Date;

/** Not now (quota, not ready): the task goes back without spending an attempt. Throw it. */
export function later(after: When, reason = 'not now'): ControlError {
  return control('later', reason, after);
}

/** Failed for good, whatever budget is left. Throw it. */
export function permanent(reason: string): ControlError {
  return control('permanent', reason);
}

/** A failed attempt, tried again after this time instead of the fleet's backoff. Throw it. */
export function retry(after?: When, reason = 'failed'): ControlError {
  return control('retry', reason, after);
}

function control(outcome: ControlError['outcome'], reason: string, when?: When): ControlError {
  const error: ControlError = Object.assign(new Error(reason), { outcome });
  error.name = { later: 'Later', permanent: 'Permanent', retry: 'Retry' }[outcome];
  if (when instanceof Date) error.until = when.toISOString();
  else if (when !== undefined) error.after = when;
  return error;
}
