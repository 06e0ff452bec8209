// The audit log as its readers see it.
import type { Context } from '../context/context.ts';
import { momentOf, type When } from '../context/moment.ts';
import { type AuditFilter, auditEnds, auditRows, searchAudit } from '../db/audit/read-audit.ts';
import { isoToUtc, utcToIso } from '../db/rows.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { AuditRow } from '../domain/audit/audit-row.ts';
import { CursorOf, isId } from '../paging/cursor.ts';

/** A row as text; hashes are hexadecimal. */
export interface ShownAudit {
  id: number;
  /** ISO 8601. */
  at: string;
  actor: string;
  source: string | null;
  action: string;
  object_type: string;
  object_id: string;
  before_hash: string | null;
  after_hash: string | null;
  reason: string | null;
  request_id: string;
  outcome: string;
  prev_hash: string;
  hash: string;
}

export interface AuditSearch extends AuditFilter {
  since?: When | undefined;
}

export interface AuditPage {
  /** Newest first. */
  rows: ShownAudit[];
  /** Null = the list ends here. */
  cursor: string | null;
  /** Set when the page is not full because its read was bounded: the id that the search has come to. */
  searched_to: number | null;
}

/** Ids that one statement searches, and one page. */
const STRETCH = 20_000;
const MOST_READ = 200_000;

/** @throws AfdError E_USAGE for a cursor that is none of this search; DatabaseError */
export async function listAudit(
  context: Context,
  { since, ...filter }: AuditSearch,
  { cursor: given, limit }: { cursor?: string | undefined; limit: number },
): Promise<AuditPage> {
  const cursor = new CursorOf('audit', { ...filter, since }, isId);
  const session = await context.session();
  const { names } = context;
  const { first, last } = await auditEnds(session, names);
  let below = cursor.decode(given) ?? (last ?? 0) + 1;
  if (first === null) return { rows: [], cursor: null, searched_to: null };
  const floor = since === undefined ? first : await firstSince(session, names, await momentOf(session, since));
  const end = Math.max(floor, below - MOST_READ);
  const rows: AuditRow[] = [];
  while (below > end && rows.length <= limit) {
    const from = Math.max(end, below - STRETCH);
    rows.push(...(await searchAudit(session, names, filter, { from, below, limit: limit + 1 - rows.length })));
    below = from;
  }
  const page = rows.slice(0, limit).map(shownAudit);
  if (rows.length > limit) return { rows: page, cursor: cursor.encode(page.at(-1)!.id), searched_to: null };
  const over = below <= floor;
  return { rows: page, cursor: over ? null : cursor.encode(below), searched_to: over ? null : below };
}

/** The first id of that moment or later: times never go back. @throws DatabaseError */
export async function firstSince(session: Session, names: TableNames, iso: string): Promise<number> {
  const since = isoToUtc(iso);
  const { first, last } = await auditEnds(session, names);
  let from = first ?? 1;
  let to = (last ?? 0) + 1;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const [row] = await auditRows(session, names, middle, 1);
    if (row === undefined || row.at >= since) to = middle;
    else from = row.id + 1;
  }
  return from;
}

export function shownAudit(row: AuditRow): ShownAudit {
  const { id, at, before_hash, after_hash, prev_hash, hash, ...rest } = row;
  return {
    ...{ id, at: utcToIso(at)!, ...rest },
    before_hash: before_hash?.toString('hex') ?? null,
    after_hash: after_hash?.toString('hex') ?? null,
    prev_hash: prev_hash.toString('hex'),
    hash: hash.toString('hex'),
  };
}
