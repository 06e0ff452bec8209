// Which tasks fit a search, newest first: a bounded read, whatever the filter and however big the table. What is selective by
// an index is read by that index while it is small; everything else walks backwards over the ids, stretch by stretch, and says
// how far it came.
import type { Context } from '../context/context.ts';
import { batchCount, deviceCounts, statusCounts, taskCount } from '../db/search/bounded-counts.ts';
import {
  byBatch,
  byDedupeKey,
  byDevice,
  byStatus,
  inStretch,
  newestBelow,
  type Statement,
} from '../db/search/find-tasks.ts';
import type { TaskSearch } from '../db/search/task-search.ts';
import type { Session } from '../db/session.ts';
import { monotonic } from '../runtime/clock.ts';

/** A count is exact up to here. */
export const MOST_COUNTED = 10_000;
/** Index entries that one answer reads at most; a stretch of ids, first and at most. */
const MOST_ENTRIES = 200_000;
const STRETCH = { first: 2000, most: 25_000, growth: 4 };
/** Milliseconds after which no further stretch is begun. */
const SEARCH_MS = 50;
/** Entries read for a row: with a device, the attempt is looked up too. */
const ENTRIES_OF_DEVICE = 3;

export interface Total {
  count: number;
  /** False: at least that many. */
  exact: boolean;
}

export interface FoundIds {
  ids: number[];
  /** Where to go on: ids below this one. Null = all that fit were found. */
  next: number | null;
  /** The bound ended the search before the page was full. */
  cut: boolean;
  /** Null where it was not asked for. */
  total: Total | null;
}

export interface Page {
  /** Only ids below this one; absent = from the newest on. */
  before?: number | undefined;
  limit: number;
}

type Plan = { statement?: (before: number, limit: number) => Statement; known: Total | undefined };

/** `session` needs `multiStatements`. @throws DatabaseError */
export async function findTaskIds(
  session: Session,
  { names }: Pick<Context, 'names'>,
  search: TaskSearch,
  { before = Number.MAX_SAFE_INTEGER, limit }: Page,
  wantTotal: boolean,
): Promise<FoundIds> {
  const plan = await planOf(session, names, search, wantTotal);
  const { statement } = plan;
  if (statement === undefined) {
    const found = await walk(session, names, search, { before, limit });
    const least = found.ids.length + (found.next === null ? 0 : 1);
    const total = plan.known ?? { count: Math.min(least, MOST_COUNTED), exact: found.next === null };
    return { ...found, total: wantTotal ? total : null };
  }
  // So few tasks come into question that all of them can be counted on the way.
  const counted = wantTotal && plan.known === undefined;
  const { sql, values } = statement(before, counted ? MOST_COUNTED + 1 : limit + 1);
  const ids = (await session.rows<{ id: number }>(sql, values)).map((row) => row.id);
  const total = plan.known ?? { count: Math.min(ids.length, MOST_COUNTED), exact: ids.length <= MOST_COUNTED };
  const page = ids.slice(0, limit);
  return { ids: page, next: ids.length > limit ? page.at(-1)! : null, cut: false, total: wantTotal ? total : null };
}

async function planOf(
  session: Session,
  names: Context['names'],
  search: TaskSearch,
  wantTotal: boolean,
): Promise<Plan> {
  const { status, device_id, dedupe_key, batch_id } = search;
  const given = Object.values(search).filter((value) => value !== undefined).length;
  if (dedupe_key !== undefined)
    return { statement: (before, limit) => byDedupeKey(names, search, { before, limit }), known: undefined };
  if (batch_id !== undefined) {
    const few = await countUpTo(session, batchCount(names, batch_id, MOST_COUNTED));
    const known = given === 1 ? few : undefined;
    if (few.exact) return { statement: (before, limit) => byBatch(names, search, { before, limit }), known };
    if (given === 1) return { known };
  }
  if (device_id !== undefined) {
    const few = await countUpTo(session, deviceCounts(names, device_id, MOST_COUNTED));
    const narrow = { ...search, device_id };
    if (few.exact)
      return { statement: (before, limit) => byDevice(names, narrow, { before, limit }), known: undefined };
  }
  if (status !== undefined) {
    const total = await countUpTo(session, statusCounts(names, status, MOST_COUNTED));
    const known = given === 1 ? total : undefined;
    if (!total.exact) return { known };
    return { statement: (before, limit) => byStatus(names, search, { before, limit }), known };
  }
  if (given > 0 || !wantTotal) return { known: undefined };
  return { known: await countUpTo(session, taskCount(names, MOST_COUNTED)) };
}

async function countUpTo(session: Session, { sql, values }: Statement): Promise<Total> {
  const rows = await session.rows<{ n: number }>(sql, values);
  const count = rows.reduce((sum, row) => sum + Number(row.n), 0);
  return { count: Math.min(count, MOST_COUNTED), exact: count <= MOST_COUNTED };
}

async function walk(
  session: Session,
  names: Context['names'],
  search: TaskSearch,
  { before, limit }: { before: number; limit: number },
): Promise<Omit<FoundIds, 'total'>> {
  const begun = monotonic();
  const most = search.device_id === undefined ? MOST_ENTRIES : Math.floor(MOST_ENTRIES / ENTRIES_OF_DEVICE);
  const ids: number[] = [];
  const newest = newestBelow(names, before);
  let top = (await session.rows<{ id: number | null }>(newest.sql, newest.values))[0]?.id ?? null;
  let read = 0;
  for (let width = STRETCH.first; top !== null; width = Math.min(STRETCH.most, width * STRETCH.growth)) {
    const floor = Math.max(1, top - Math.min(width, most - read) + 1);
    const wanted = limit - ids.length + 1;
    const [part, next] = await session.batch([
      inStretch(names, search, { before: top + 1, from: floor, limit: wanted }),
      newestBelow(names, floor),
    ]);
    ids.push(...part!.map((row) => row.id as number));
    if (ids.length > limit) return { ids: ids.slice(0, limit), next: ids[limit - 1]!, cut: false };
    read += top - floor + 1;
    top = (next![0]?.id ?? null) as number | null;
    if (top !== null && (read >= most || monotonic() - begun > SEARCH_MS)) return { ids, next: top + 1, cut: true };
  }
  return { ids, next: null, cut: false };
}
