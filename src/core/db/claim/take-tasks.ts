// What a claim asks for and takes. Usually the first source is read and locked in packet 1, and the others in one round
// trip more if it leaves room. Where many may have a little, a survey without locks tells first which have something.

import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { Candidate } from './candidate.ts';
import { frontierStatement } from './claim-frontier.ts';
import type { ClaimSource } from './claim-source.ts';
import { countDueStatement, dueCounts, type LaneSource } from './count-due.ts';
import { candidateStatement } from './select-candidates.ts';
import type { Taken } from './write-claims.ts';

/**
 * What to do with a candidate: `record` = its attempt gets its row now; `defer` = with its end; `skip` = leave it and look
 * at the next; `stop` = leave it and all behind it.
 */
export type Admission = 'record' | 'defer' | 'skip' | 'stop';

export interface ClaimRequest {
  /** Random, 16 bytes; the caller remembers it before the claim is sent. */
  claim_token: Buffer;
  limit: number;
  /** Asked in this order. A source is not passed over for one of a worse rank while it has more. */
  sources: ClaimSource[];
  /** Ask all sources, which are lanes, how much they have before any is locked. */
  countFirst: boolean;
  /** Wait for a ticket of the first source, which is a lane: many may claim there at one time. */
  ticket: boolean;
  /** Rows to ask of a source, beside `limit`. */
  mostFrom(source: ClaimSource): number;
  /** Seconds for which the attempt's deadline is set: timeout + slack. */
  leaseOf(candidate: Candidate): number;
  /** `index`: how many this claim has taken before it. */
  admit(candidate: Candidate, source: ClaimSource, index: number): Admission;
}

/** What a source gave. `short`: nothing more is due there. */
export interface SourceYield {
  count: number;
  exhausted: boolean;
}

/** Bytes of payloads that one claim takes along, beside the first. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Rows that a survey counts of each source at least, if there are so many. */
const COUNT_EACH = 100;

/** The question of a claim that goes into packet 1; its last statement has the answer. */
export function firstRead(names: TableNames, claim: ClaimRequest): Array<{ sql: string; values: unknown[] }> {
  const [first] = claim.sources;
  if (first === undefined) return [];
  if (claim.countFirst) return [countDueStatement(names, claim.sources as LaneSource[], countBounds(claim))];
  return question(names, first, Math.min(claim.limit, claim.mostFrom(first)));
}

/**
 * Goes on from the answer to the first question. Adds to `taken`; returns what each source gave that was asked, in order.
 * @throws DatabaseError
 */
export async function takeTasks(
  session: Session,
  names: TableNames,
  claim: ClaimRequest,
  answer: Row[],
  taken: Taken[],
): Promise<SourceYield[]> {
  if (claim.countFirst) return takeCounted(session, names, claim, dueCounts(answer, claim.sources.length), taken);
  const first = claim.sources[0]!;
  const yielded = [take(claim, first, answer, Math.min(claim.limit, claim.mostFrom(first)), taken)];
  const left = claim.limit - taken.length;
  const rest = left > 0 ? sourcesAfter(claim, yielded[0]!.exhausted) : [];
  if (rest.length === 0) return yielded;
  // All of them at once: a row too many stays locked until the COMMIT, which is cheaper than a round trip each.
  const limits = rest.map((source) => Math.min(left, claim.mostFrom(source)));
  const questions = rest.map((source, n) => question(names, source, limits[n]!));
  const more = await session.batch(questions.flat());
  let at = -1;
  for (const [n, statements] of questions.entries()) {
    at += statements.length;
    const rows = more[at]!;
    if (taken.length >= claim.limit) break;
    yielded.push(take(claim, rest[n]!, rows, limits[n]!, taken));
  }
  return yielded;
}

function question(names: TableNames, source: ClaimSource, limit: number): Array<{ sql: string; values: unknown[] }> {
  const frontier = frontierStatement(names, source);
  return [...(frontier === undefined ? [] : [frontier]), candidateStatement(names, source, limit)];
}

/** Where to ask on for what the first source left. */
function sourcesAfter({ sources, limit, mostFrom }: ClaimRequest, short: boolean): ClaimSource[] {
  const [first, ...rest] = sources;
  if (short) return rest;
  if (first?.kind !== 'lane' || mostFrom(first) >= limit) return [];
  const other = rest.findIndex((one) => one.kind !== 'lane' || one.claim_rank !== first.claim_rank);
  return other === -1 ? rest : rest.slice(0, other);
}

function countBounds({ sources, limit, mostFrom }: ClaimRequest): number[] {
  const lanes = sources as LaneSource[];
  const best = lanes.filter((one) => one.claim_rank === lanes[0]!.claim_rank).length;
  const share = Math.max(COUNT_EACH, Math.ceil(limit / best));
  return lanes.map((one, n) => Math.min(mostFrom(one), n < best ? share : COUNT_EACH));
}

async function takeCounted(
  session: Session,
  names: TableNames,
  claim: ClaimRequest,
  due: number[],
  taken: Taken[],
): Promise<SourceYield[]> {
  const bounds = countBounds(claim);
  const lanes = claim.sources as LaneSource[];
  const asked: number[] = [];
  let left = claim.limit;
  let rank = lanes[0]!.claim_rank;
  let more = false;
  for (const [n, lane] of lanes.entries()) {
    if (left === 0 || (more && lane.claim_rank !== rank)) break;
    rank = lane.claim_rank;
    asked.push(Math.min(left, due[n]!));
    left -= asked[n]!;
    more ||= asked[n] === bounds[n];
  }
  const wanted = asked.flatMap((count, n) => (count > 0 ? [candidateStatement(names, lanes[n]!, count)] : []));
  const answers = wanted.length > 0 ? await session.batch(wanted) : [];
  return asked.map((count, n) => {
    if (count === 0) return { count: 0, exhausted: true };
    const yielded = take(claim, lanes[n]!, answers.shift()!, count, taken);
    // Asked for exactly what was there: the read has not gone beyond, and nothing more was seen.
    const all = yielded.count === count && count === due[n] && count < bounds[n]!;
    return { count: yielded.count, exhausted: yielded.exhausted || all };
  });
}

/** Rows that are left stay locked until the COMMIT: others skip them meanwhile, and find them at their next look. */
function take(claim: ClaimRequest, source: ClaimSource, rows: Row[], asked: number, taken: Taken[]): SourceYield {
  const before = taken.length;
  let refused = false;
  let bytes = taken.reduce((sum, one) => sum + (one.task_data?.length ?? 0), 0);
  for (const row of rows as unknown as Candidate[]) {
    const full = taken.length >= claim.limit || (bytes > MOST_BYTES && taken.length > 0);
    const admission = full ? 'stop' : claim.admit(row, source, taken.length);
    bytes += row.task_data?.length ?? 0;
    if (admission === 'stop') return { count: taken.length - before, exhausted: false };
    if (admission === 'skip') refused = true;
    else taken.push(Object.assign(row, { lease_s: claim.leaseOf(row), deferred: admission === 'defer' }));
  }
  return { count: taken.length - before, exhausted: refused || rows.length < asked };
}
