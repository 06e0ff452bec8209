// The tasks of one submitter that fit a search: backwards over what they have added, stretch by stretch, and how far that came.
import { countOwnStretch, endOfOwnStretch, inOwnStretch } from '../db/search/own-tasks.ts';
import type { TaskSearch } from '../db/search/task-search.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { monotonic } from '../runtime/clock.ts';
import { type FoundIds, MOST_COUNTED, MOST_ENTRIES, SEARCH_MS, STRETCH, type Total } from './search-bounds.ts';

/** Entries read for a task: that of its owner, and its own. */
const ENTRIES = 2;

/** @throws DatabaseError */
export async function walkOwn(
  session: Session,
  names: TableNames,
  { owner, ...search }: TaskSearch & { owner: string },
  { before, limit }: { before: number; limit: number },
): Promise<Omit<FoundIds, 'total'>> {
  const begun = monotonic();
  const most = MOST_ENTRIES / ENTRIES;
  const ids: number[] = [];
  let top = before;
  let read = 0;
  for (let width = STRETCH.first; ; width = Math.min(STRETCH.most, width * STRETCH.growth)) {
    const stretch = { owner, before: top, rows: Math.min(width, most - read) };
    const [part, end] = await session.batch([
      inOwnStretch(names, search, { ...stretch, limit: limit - ids.length + 1 }),
      endOfOwnStretch(names, stretch),
    ]);
    ids.push(...part!.map((row) => row.id as number));
    if (ids.length > limit) return { ids: ids.slice(0, limit), next: ids[limit - 1]!, cut: false };
    const { n, id } = end![0]!;
    if (Number(n) < stretch.rows) return { ids, next: null, cut: false };
    top = id;
    read += stretch.rows;
    if (read >= most || monotonic() - begun > SEARCH_MS) return { ids, next: top, cut: true };
  }
}

/** All tasks of a submitter, up to MOST_COUNTED. @throws DatabaseError */
export async function countOwn(session: Session, names: TableNames, owner: string): Promise<Total> {
  const all = { owner, before: Number.MAX_SAFE_INTEGER, rows: MOST_COUNTED + 1 };
  const { sql, values } = countOwnStretch(names, all);
  const [row] = await session.rows<{ n: number; tasks: number }>(sql, values);
  return { count: Math.min(Number(row?.tasks), MOST_COUNTED), exact: Number(row?.n) <= MOST_COUNTED };
}
