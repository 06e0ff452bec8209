// Rule 7: leader terms never overlap in commit order, and what only a leader may write was written in its term.
import { GATEWAY, REMOTE } from '../plan.ts';
import type { DatabaseEvent, Evidence, Finding, LeaderRow } from './evidence.ts';
import { isEnd } from './evidence.ts';

/** A lease is counted from the start of a statement, so the trigger sees a little less or the same. */
const ROUNDING_S = 0.01;

export function termsApart(evidence: Evidence): Finding {
  const violations: string[] = [];
  let leader: LeaderRow = { holder: null, term: 0, lease_s: null };
  let endsAt = 0;
  let [terms, duties] = [0, 0];
  for (const one of evidence.events) {
    if (one.table === 'leader') {
      const { was, now } = one;
      const before = was ?? leader;
      // What else stands in that row was written (the duties that fail), and nothing about the lease.
      if (now.term === before.term && now.holder === before.holder && now.lease_s === before.lease_s) continue;
      if (now.term < before.term || now.term > before.term + 1)
        violations.push(`the term went from ${before.term} to ${now.term}`);
      if (now.term === before.term + 1) terms += 1;
      const change = now.holder !== null && now.holder !== before.holder;
      if (change && now.term === before.term)
        violations.push(`term ${now.term} went from ${before.holder} to ${now.holder}`);
      const wrong = now.lease_s !== null && Math.abs(now.lease_s - evidence.settings.lease_duration) > ROUNDING_S;
      if (wrong)
        violations.push(`term ${now.term}: ${now.holder} took a lease of ${now.lease_s} s by the database's clock`);
      if (now.term === before.term && now.holder !== null && (before.lease_s ?? -1) <= -ROUNDING_S)
        violations.push(
          `term ${now.term}: ${now.holder} renewed a lease that was over for ${-(before.lease_s ?? 0)} s`,
        );
      leader = now;
      endsAt = now.lease_s === null ? 0 : one.at + now.lease_s * 1000;
      continue;
    }
    const duty = dutyOf(one);
    if (duty === undefined || one.proc === undefined || evidence.foreign.has(one.conn)) continue;
    duties += 1;
    if (one.proc !== leader.holder)
      violations.push(`${one.proc} ${duty} while ${leader.holder ?? 'nobody'} led term ${leader.term}`);
    else if (one.at > endsAt + ROUNDING_S * 1000)
      violations.push(`${one.proc} ${duty} ${Math.round(one.at - endsAt)} ms after its lease of term ${leader.term}`);
  }
  return { violations, counts: { terms, duties } };
}

/** What of an event only a leader may do in another device's place, in words; undefined = nothing. */
function dutyOf(one: DatabaseEvent): string | undefined {
  if (one.proc?.startsWith('operator')) return undefined;
  // It writes for remote workers, and its own row, whose id it takes from the machine.
  const forRemote =
    one.proc?.startsWith(GATEWAY) === true &&
    'device' in one &&
    (one.device.startsWith(REMOTE) || one.device.includes(`-${GATEWAY}`));
  if (forRemote) return undefined;
  if (one.table === 'device') {
    const declared = one.now?.status === 'offline' && one.was?.status !== 'offline' && one.proc !== one.device;
    return declared ? `declared ${one.device} dead` : undefined;
  }
  if (one.table !== 'assignment' || !isEnd(one) || one.proc === one.device) return undefined;
  // The claim of a row that a foreign program set back materializes the whole attempt that stood on it.
  if (one.was === undefined && one.cause === 'foreign') return undefined;
  return `ended attempt ${one.attempt} of task ${one.task} (${one.now}, ${one.cause})`;
}
