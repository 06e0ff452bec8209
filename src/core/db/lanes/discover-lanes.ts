import { type KnownLane, type LaneRank, laneRankKey } from '../../domain/lane.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { seekStatement } from './skip-lanes.ts';

/** The best pending row of one (lane, rank). It may be due later: `due_at` says so. */
export interface LaneHead extends KnownLane {
  /** As the server spelled it, in the task table's zone. */
  due_at: string;
  id: number;
}

/** Seeks in one batch. */
const PER_BATCH = 100;
/** Lanes and ranks that one skip scan reads at most. */
export const RANKS_PER_WALK = 1000;
/** Before every lane and rank. */
export const START: LaneRank = { lane: Buffer.alloc(16), claim_rank: -1 };

/**
 * Which lanes and ranks have pending tasks: a skip scan from the client, one seek of afd_claim per lane and rank,
 * nothing sorted (GROUP BY costs MariaDB 575 ms at 5 million rows; this 5 ms for 20 of them). Non-locking. They are not
 * read in one moment, so one that fills meanwhile may be missed until the next skip scan. No heads = nothing pending.
 *
 * `known`: lanes and ranks that are likely to have tasks, such as those of the last skip scan, in its order. The seeks
 * from them go in batches (needs `multiStatements`); only where the index leads elsewhere does a seek have a round trip
 * of its own. They change nothing in the result: each head is a row that a seek has read now.
 *
 * `after`: the lane and rank behind which the skip scan begins. One that returns `maxRanks` heads was cut: more may
 * follow the last. A caller that wants all of them goes on there, since the order is that of the lanes' hashes, which
 * says nothing of what is due.
 */
export async function discoverLanes(
  session: Session,
  names: TableNames,
  known: readonly LaneRank[] = [],
  maxRanks = RANKS_PER_WALK,
  after: LaneRank = START,
): Promise<LaneHead[]> {
  const answers = await seeksFrom(session, names, after, known.slice(0, maxRanks - 1));
  const heads: LaneHead[] = [];
  let at = after;
  while (heads.length < maxRanks) {
    const key = laneRankKey(at);
    const head = answers.has(key) ? answers.get(key) : await seek(session, names, at);
    if (head === undefined) break;
    heads.push(head);
    at = head;
  }
  return heads;
}

/**
 * What follows each of these lanes and ranks and the beginning; undefined = nothing. Absent = not asked, because the
 * next of them has no task any more.
 */
async function seeksFrom(session: Session, names: TableNames, begin: LaneRank, known: readonly LaneRank[]) {
  const answers = new Map<string, LaneHead | undefined>();
  const seeks = known.length === 0 ? [] : [begin, ...known].map((after, n) => ({ after, next: known[n] }));
  for (let n = 0; n < seeks.length; n += PER_BATCH) {
    const some = seeks.slice(n, n + PER_BATCH);
    const found = await session.batch(some.map(({ after, next }) => seekStatement(names, after, next)));
    for (const [k, { after, next }] of some.entries()) {
      const [head] = found[k] as Row[] as unknown as LaneHead[];
      if (head !== undefined || next === undefined) answers.set(laneRankKey(after), head);
    }
  }
  return answers;
}

async function seek(session: Session, names: TableNames, after: LaneRank): Promise<LaneHead | undefined> {
  const { sql, values } = seekStatement(names, after);
  return (await session.rows<LaneHead>(sql, values))[0];
}
