// Which tasks fit a search, newest first: a bounded read, whatever the filter and however big the table. What is selective by
// an index is read by that index while it is small; everything else walks backwards over the ids, stretch by stretch, and says
// how far it came. What a submitter may see is read by what they have added.
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
import { type FoundIds, MOST_COUNTED, MOST_ENTRIES, SEARCH_MS, STRETCH, type Total } from './search-bounds.ts';
import { countOwn, walkOwn } from './walk-own.ts';

/** Entries read for a row: with a device, the attempt is looked up too. */
const ENTRIES_OF_DEVICE = 3;

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
    const { owner } = search;
    const found =
      owner === undefined
        ? await walk(session, names, search, { before, limit })
        : await walkOwn(session, names, { ...search, owner }, { before, limit });
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
  const { status, device_id, dedupe_key, batch_id, owner } = search;
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
  if (owner !== undefined && given === 1 && wantTotal) return { known: await countOwn(session, names, owner) };
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
