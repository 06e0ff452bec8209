import type { ClaimSource } from '../../db/claim/claim-source.ts';
import type { ClaimRequest, SourceYield } from '../../db/claim/take-tasks.ts';
import type { ClaimerOptions } from './claimer-options.ts';
import type { Room } from './task-timings.ts';

/** Sources asked in one claim. */
const USUAL_SOURCES = 4;
/** This many are counted first where more than usual may have tasks, and the claim is worth it. */
const COUNTED_SOURCES = 10;
const COUNT_FROM = 20;

/** What one claim asks for. */
export interface ClaimPlan extends Room {
  /** In a transaction without ends. */
  alone?: boolean;
  sources: ClaimSource[];
  limit: number;
  countFirst: boolean;
  /** For the first source, before any row is read. */
  ticket: boolean;
}

export const NO_CLAIM: ClaimPlan = { sources: [], limit: 0, countFirst: false, ticket: false, free: 0, slots: 0 };

/**
 * Where to claim and how much: for the free slots, and of short tasks up to the prefetch limit beyond them. `sparse`:
 * one lane alone would not fill the claim, so the tasks of several are counted. `sized`: no more than the connection
 * can carry.
 */
export function planClaim(
  { catalog, timings, room, shortSlots, limit: limited }: ClaimerOptions,
  sparse: boolean,
  sized: (limit: number) => number,
): ClaimPlan {
  const free = room(0);
  const sources = catalog.sources(COUNTED_SOURCES, { free });
  if (sources.length === 0) return NO_CLAIM;
  const slots = shortSlots();
  const prefetch = Math.max(0, ...sources.map((one) => timings.prefetchLimit(catalog.typeOf(one) ?? '', slots)));
  const limit = sized(limited(room(prefetch)));
  if (limit <= 0) return NO_CLAIM;
  const place = { free, slots };
  const little = sparse || timings.mostFrom(catalog.typeOf(sources[0]!), place) < limit;
  const countFirst = little && sources.length > USUAL_SOURCES && limit > COUNT_FROM && sources[0]!.kind === 'lane';
  const asked = countFirst ? sources : sources.slice(0, USUAL_SOURCES);
  // A few rows are found with a few steps more; a bounded count has counted from the cursor on.
  const large = limit > COUNT_FROM && !countFirst;
  const ticket = large && asked[0]!.kind === 'lane';
  return { sources: large ? asked : asked.map(fromCursor), limit, countFirst, ticket, ...place };
}

function fromCursor(source: ClaimSource): ClaimSource {
  return source.kind === 'lane' ? { ...source, frontier: false } : source;
}

/** Whether the lanes have little each, as far as the last claim shows. */
export function isSparse({ sources, countFirst, limit }: ClaimPlan, taken: SourceYield[], before: boolean): boolean {
  const [first] = taken;
  if (first === undefined || sources[0]?.kind !== 'lane') return before;
  if (countFirst) return 2 * taken.filter((one) => one.exhausted).length > taken.length;
  return first.exhausted ? 2 * first.count < limit : before;
}

/** `leaves`: tasks that this worker passes over. */
export function claimOf(
  plan: ClaimPlan,
  token: Buffer,
  { catalog, timings, leaseOf }: ClaimerOptions,
  leaves: (taskId: number) => boolean,
): ClaimRequest | undefined {
  const { sources, limit, countFirst, ticket } = plan;
  if (sources.length === 0) return undefined;
  return {
    claim_token: token,
    limit,
    sources,
    countFirst,
    ticket,
    leaseOf,
    mostFrom: (source) => timings.mostFrom(catalog.typeOf(source), plan),
    // All tasks of a lane require the same: a device is eligible for a whole lane or not at all.
    admit: (candidate, { kind }, index) =>
      (kind === 'lane' || catalog.accepts(candidate)) && !leaves(candidate.id)
        ? timings.admit(candidate, kind, plan, index)
        : 'skip',
  };
}
