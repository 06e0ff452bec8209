import type { Claim } from '../db/finish-and-claim.ts';
import type { ClaimSource } from '../db/queries/select-candidates.ts';
import type { ClaimerOptions } from './claimer-options.ts';
import type { Room } from './pace.ts';

/** Sources asked in one claim: the first in packet 1, the others in one more if it leaves slots free. */
const MOST_SOURCES = 4;

/** What one claim asks for. */
export interface ClaimPlan extends Room {
  sources: ClaimSource[];
  limit: number;
}

export const NO_CLAIM: ClaimPlan = { sources: [], limit: 0, free: 0, slots: 0 };

/** Where to claim and how much: for the free slots, and of brisk tasks some ahead of them. */
export function planClaim({ book, pace, room, briskSlots, limit: limited }: ClaimerOptions): ClaimPlan {
  const sources = book.sources(MOST_SOURCES);
  if (sources.length === 0) return NO_CLAIM;
  const slots = briskSlots();
  const ahead = Math.max(0, ...sources.map((one) => pace.ahead(book.typeOf(one) ?? '', slots)));
  const limit = limited(room(ahead));
  return limit > 0 ? { sources, limit, free: room(0), slots } : NO_CLAIM;
}

export function claimOf(plan: ClaimPlan, token: Buffer, { book, pace, leaseOf }: ClaimerOptions): Claim | undefined {
  const { sources, limit } = plan;
  if (sources.length === 0) return undefined;
  return {
    claim_token: token,
    limit,
    sources,
    leaseOf,
    // All tasks of a lane require the same: a device is eligible for a whole lane or not at all.
    weigh: (candidate, kind, index) =>
      kind === 'lane' || book.accepts(candidate) ? pace.weigh(candidate, kind, plan, index) : 'refuse',
  };
}
