import { between, random } from './random.ts';

/** One authorised call, as the plan sees it. `nth` counts the calls for the same thing from 1. */
export interface Call {
  kind: 'apps' | 'aggregate' | 'raw';
  account: string;
  app_id?: string;
  report?: string;
  from?: string;
  to?: string;
  nth: number;
}

/** What goes wrong with a call. `cut` ends the connection in the middle of the body; `page` is HTML with status 200. */
export type Fault =
  | { status: number; body: string; retry_after?: number }
  | { slow_ms: number }
  | { cut: true }
  | { page: string };

export type FaultPlan = (call: Call) => Fault | undefined;

/** Shares of calls, 0 to 1. */
export interface FaultRates {
  too_many: number;
  server_error: number;
  cut: number;
  slow: number;
  /** How long a slow reply takes, milliseconds. */
  slow_ms: number;
}

export const NO_FAULTS: FaultRates = { too_many: 0, server_error: 0, cut: 0, slow: 0, slow_ms: 0 };

/** Faults by seed: which calls fail does not depend on when they come. The third call for a thing never fails. */
export function seededFaults(seed: number, rates: FaultRates): FaultPlan {
  return (call) => {
    if (call.nth > 2) return undefined;
    const next = random(seed, 'fault', call.kind, call.account, call.app_id ?? '', call.report ?? '', call.from ?? '');
    for (let skip = 1; skip < call.nth; skip++) next();
    const dice = next();
    const steps = [rates.too_many, rates.server_error, rates.cut, rates.slow];
    const hit = steps.findIndex((_, index) => dice < steps.slice(0, index + 1).reduce((sum, rate) => sum + rate, 0));
    if (hit === 0) return { status: 429, body: 'Too many requests', retry_after: between(next, 1, 3) };
    if (hit === 1) return { status: [500, 502, 503][between(next, 0, 2)]!, body: 'Internal error, please try again' };
    if (hit === 2) return { cut: true };
    if (hit === 3) return { slow_ms: rates.slow_ms };
    return undefined;
  };
}
