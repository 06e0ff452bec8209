// What a claim asks for and takes. Usually the first source is read and locked in batch 1, and the others in one round
// trip more if it leaves room. Where many may have a little, they are counted first, without locks.

import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import type { ClaimSource, LaneSource } from './claim-source.ts';
import type { ClaimedTask } from './claimed-task.ts';
import { countDue, lockDirected, lockDue, lockNamed, readFrontier, type Statement } from './statements.ts';

/**
 * What a claim does with a task that it has locked: `record` = takes it, its attempt gets its row now; `defer` = takes
 * it, the row follows with the end; `skip` = leaves it and goes on; `stop` = leaves it and all behind it.
 */
export type Admission = 'record' | 'defer' | 'skip' | 'stop';

export interface ClaimRequest {
  /** Random, 16 bytes; the caller remembers it before the claim is sent. */
  claim_token: Buffer;
  limit: number;
  /** Of these many can begin now; what is taken beyond them is prefetched. */
  free: number;
  /** Slots that attempts of long tasks do not hold. */
  short: number;
  /** In a transaction without ends. */
  alone: boolean;
  /** Asked in this order. A source is not passed over for one of a worse rank while it has more. */
  sources: ClaimSource[];
  /** Count what all sources, which are lanes, have before any row is locked. */
  countFirst: boolean;
  /** Wait for a ticket of the first source, which is a lane: many may claim there at one time. */
  ticket: boolean;
  /** Rows to ask of a source, in addition to `limit`. */
  mostFrom(source: ClaimSource): number;
  /** Seconds for which the attempt's deadline is set: timeout + slack. */
  leaseOf(task: ClaimedTask): number;
  /** `index`: how many this claim has taken before it. */
  admit(task: ClaimedTask, source: ClaimSource, index: number): Admission;
}

/** What a source gave. `short`: nothing more is due there. */
export interface SourceYield {
  count: number;
  exhausted: boolean;
}

/** Bytes of payloads that one claim takes along, not counting the first. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Due rows that are counted of each source at least, where there are as many. */
const COUNT_EACH = 100;

/** The read of a claim that goes into batch 1; its last statement has the answer. */
export function firstRead(names: TableNames, claim: ClaimRequest): Statement[] {
  const [first] = claim.sources;
  if (first === undefined) return [];
  if (claim.countFirst) return [countDue(names, claim.sources as LaneSource[], countBounds(claim))];
  return readOf(names, first, Math.min(claim.limit, claim.mostFrom(first)));
}

/**
 * Goes on from the answer to the first read. Adds to `taken`; returns what each source gave that was asked, in order.
 * @throws DatabaseError
 */
export async function takeTasks(
  session: Session,
  names: TableNames,
  claim: ClaimRequest,
  answer: Row[],
  taken: ClaimedTask[],
): Promise<SourceYield[]> {
  if (claim.countFirst) return takeCounted(session, names, claim, dueCounts(answer, claim.sources.length), taken);
  const first = claim.sources[0]!;
  const yielded = [take(claim, first, answer, Math.min(claim.limit, claim.mostFrom(first)), taken)];
  const left = claim.limit - taken.length;
  const rest = left > 0 ? sourcesAfter(claim, yielded[0]!.exhausted) : [];
  if (rest.length === 0) return yielded;
  // All of them at once: a row too many stays locked until the COMMIT, which is cheaper than a round trip each.
  const limits = rest.map((source) => Math.min(left, claim.mostFrom(source)));
  const reads = rest.map((source, n) => readOf(names, source, limits[n]!));
  const more = await session.batch(reads.flat());
  let at = -1;
  for (const [n, statements] of reads.entries()) {
    at += statements.length;
    const rows = more[at]!;
    if (taken.length >= claim.limit) break;
    yielded.push(take(claim, rest[n]!, rows, limits[n]!, taken));
  }
  return yielded;
}

function readOf(names: TableNames, source: ClaimSource, limit: number): Statement[] {
  if (source.kind === 'directed') return [lockDirected(names, source, limit)];
  if (source.kind === 'tasks') return [lockNamed(names, source.ids, limit)];
  if (source.cursor === undefined || source.frontier !== true)
    return [lockDue(names, { ...source, frontier: false }, limit)];
  return [readFrontier(names, source, source.cursor), lockDue(names, source, limit)];
}

/** The counts, in the order of the sources. */
function dueCounts(rows: Row[], count: number): number[] {
  const due = new Map(rows.map((row) => [Number(row.n), Number(row.due)]));
  return Array.from({ length: count }, (_, n) => due.get(n) ?? 0);
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
  taken: ClaimedTask[],
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
  const wanted = asked.flatMap((count, n) => (count > 0 ? [lockDue(names, lanes[n]!, count)] : []));
  const answers = wanted.length > 0 ? await session.batch(wanted) : [];
  return asked.map((count, n) => {
    if (count === 0) return { count: 0, exhausted: true };
    const yielded = take(claim, lanes[n]!, answers.shift()!, count, taken);
    // Asked for exactly what was there: the read has not gone beyond, and nothing more was seen.
    const all = yielded.count === count && count === due[n] && count < bounds[n]!;
    return { count: yielded.count, exhausted: yielded.exhausted || all };
  });
}

/** Rows that are left stay locked until the COMMIT: others skip them meanwhile, and find them with their next claim. */
function take(claim: ClaimRequest, source: ClaimSource, rows: Row[], asked: number, taken: ClaimedTask[]): SourceYield {
  const before = taken.length;
  let refused = false;
  let bytes = taken.reduce((sum, one) => sum + (one.task_data?.length ?? 0), 0);
  for (const row of rows as unknown as ClaimedTask[]) {
    const full = taken.length >= claim.limit || (bytes > MOST_BYTES && taken.length > 0);
    const admission = full ? 'stop' : claim.admit(row, source, taken.length);
    bytes += row.task_data?.length ?? 0;
    if (admission === 'stop') return { count: taken.length - before, exhausted: false };
    if (admission === 'skip') refused = true;
    else taken.push(Object.assign(row, { lease_s: claim.leaseOf(row), deferred: admission === 'defer' }));
  }
  return { count: taken.length - before, exhausted: refused || rows.length < asked };
}
