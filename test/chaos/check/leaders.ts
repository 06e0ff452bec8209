// Rule 7: leader terms never overlap in commit order, and what only a leader may write was written in its term.
import { GATEWAY, REMOTE } from '../plan.ts';
import { type DatabaseEvent, isEnd, type LeaderRow, type Rule } from './evidence.ts';

/** A lease is counted from the start of a statement, so the trigger sees a little less or the same. */
const ROUNDING_S = 0.01;

export const termsApart: Rule = ({ events, settings, foreign }, wrong) => {
  let leader: LeaderRow = { holder: null, term: 0, lease_s: null };
  let endsAt = 0;
  const counts = { terms: 0, duties: 0 };
  for (const one of events) {
    if (one.table === 'leader') {
      const { was, now } = one;
      const before = was ?? leader;
      const { term, holder, lease_s } = now;
      // What else stands in that row was written (the duties that fail), and nothing about the lease.
      if (term === before.term && holder === before.holder && lease_s === before.lease_s) continue;
      if (term < before.term || term > before.term + 1) wrong(`the term went from ${before.term} to ${term}`);
      if (term === before.term + 1) counts.terms += 1;
      if (holder !== null && holder !== before.holder && term === before.term)
        wrong(`term ${term} went from ${before.holder} to ${holder}`);
      if (lease_s !== null && Math.abs(lease_s - settings.lease_duration) > ROUNDING_S)
        wrong(`term ${term}: ${holder} took a lease of ${lease_s} s by the database's clock`);
      if (term === before.term && holder !== null && (before.lease_s ?? -1) <= -ROUNDING_S)
        wrong(`term ${term}: ${holder} renewed a lease that was over for ${-(before.lease_s ?? 0)} s`);
      leader = now;
      endsAt = lease_s === null ? 0 : one.at + lease_s * 1000;
      continue;
    }
    const duty = dutyOf(one);
    if (duty === undefined || one.proc === undefined || foreign.has(one.conn)) continue;
    counts.duties += 1;
    if (one.proc !== leader.holder)
      wrong(`${one.proc} ${duty} while ${leader.holder ?? 'nobody'} led term ${leader.term}`);
    else if (one.at > endsAt + ROUNDING_S * 1000)
      wrong(`${one.proc} ${duty} ${Math.round(one.at - endsAt)} ms after its lease of term ${leader.term}`);
  }
  return counts;
};

/** Of a remote worker, or of a gateway, which takes its device id from the machine. */
export function ofGateways(device: string): boolean {
  return device.startsWith(REMOTE) || device.includes(`-${GATEWAY}`);
}

/** This device is declared dead, and does not sign itself off. */
export function declaredDead(one: DatabaseEvent & { table: 'device' }): boolean {
  return one.now?.status === 'offline' && one.was?.status !== 'offline' && one.proc !== one.device;
}

/** What of an event only a leader may do in another device's place, in words; undefined = nothing. */
function dutyOf(one: DatabaseEvent): string | undefined {
  if (one.proc?.startsWith('operator') || one.table === 'task' || one.table === 'leader') return undefined;
  // It writes for remote workers, and its own row.
  if (one.proc?.startsWith(GATEWAY) && ofGateways(one.device)) return undefined;
  if (one.table === 'device') return declaredDead(one) ? `declared ${one.device} dead` : undefined;
  if (!isEnd(one) || one.proc === one.device) return undefined;
  // The claim of a row that a foreign program set back materializes the whole attempt that stood on it.
  if (one.was === undefined && one.cause === 'foreign') return undefined;
  return `ended attempt ${one.attempt} of task ${one.task} (${one.now}, ${one.cause})`;
}
