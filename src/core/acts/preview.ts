// What an act on many tasks would concern, and the token with which it is done: the act and the filter, as they were shown.
import type { Context } from '../context/context.ts';
import { newestBelow } from '../db/search/find-tasks.ts';
import { type CutTask, readTasks } from '../db/search/task-rows.ts';
import type { TaskSearch } from '../db/search/task-search.ts';
import { AfdError } from '../domain/errors.ts';
import { canonicalJson } from '../domain/text/canonical-json.ts';
import { findTaskIds } from '../search/find-ids.ts';
import type { Total } from '../search/search-bounds.ts';
import { APPLIES_TO, type TaskAct } from './act-on-task.ts';
import { Seal } from './seal.ts';

/** An act on all tasks that fit. The caller that acts gives `by`. */
export interface ManyActs extends Omit<TaskAct, 'by'> {
  reason?: string | undefined;
  filter: TaskSearch;
}

export interface Preview {
  token: string;
  /** ISO 8601: until then the first chunk must have been asked for. */
  expires_at: string;
  /** How many tasks the act concerns. */
  total: Total;
  /** The newest of them. */
  sample: CutTask[];
  now: string;
}

/** What a token says. `at`: milliseconds since 1970, by the database. */
export interface Sealed {
  acts: ManyActs;
  /** Tasks below this id; later ones were not seen. */
  below: number;
  at: number;
}

export const PREVIEW_S = 600;
const PURPOSE = 'preview of acts';
const SAMPLE = 10;

/** Changes nothing. @throws DatabaseError */
export async function previewActs(context: Context, given: ManyActs): Promise<Preview> {
  const acts: ManyActs = { ...given, filter: { status: APPLIES_TO[given.act], ...given.filter } };
  const session = await context.session();
  // Before the search: a task that is added meanwhile is not part of it.
  const newest = newestBelow(context.names, Number.MAX_SAFE_INTEGER);
  const [last] = await session.rows<{ id: number | null }>(newest.sql, newest.values);
  const below = (last?.id ?? 0) + 1;
  const { ids, total } = await findTaskIds(session, context, acts.filter, { before: below, limit: SAMPLE }, true);
  const { now, tasks } = await readTasks(session, context.names, ids);
  const at = Date.parse(now);
  const sealed: Sealed = { acts, below, at };
  const token = (await Seal.of(context, PURPOSE)).close(sealed);
  return { token, expires_at: new Date(at + PREVIEW_S * 1000).toISOString(), total: total!, sample: tasks, now };
}

/** @throws AfdError E_USAGE: no gateway of this fleet has written it; DatabaseError */
export async function openPreview(context: Context, token: string): Promise<Sealed> {
  const opened = (await Seal.of(context, PURPOSE)).open(token);
  if (opened === undefined) throw new AfdError('E_USAGE', 'The token is not that of a preview of this fleet.');
  return opened as Sealed;
}

/** `of`: what the caller believes to act on. @throws AfdError E_CONFLICT when the token was made for something else */
export function refuseOther({ acts }: Sealed, of: Partial<Pick<ManyActs, 'act' | 'filter'>>): void {
  const filter = of.filter === undefined ? undefined : { status: APPLIES_TO[acts.act], ...of.filter };
  const other = [
    of.act !== undefined && of.act !== acts.act ? 'act' : '',
    filter !== undefined && canonicalJson(filter) !== canonicalJson(acts.filter) ? 'filter' : '',
  ].filter((one) => one !== '');
  if (other.length === 0) return;
  throw new AfdError(
    'E_CONFLICT',
    `The preview was made for another ${other.join(' and another ')}. Ask for a new preview.`,
  );
}
