import { cursorCheckStatement } from '../../db/claim/check-cursor.ts';
import type { Cursor, LaneSource } from '../../db/claim/claim-source.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { LaneCatalog } from './lane-catalog.ts';

/** Checks the cursors of sources: whether a due row lies before the place where their claims begin. @throws DatabaseError */
export async function checkCursors(
  session: Session,
  names: TableNames,
  catalog: LaneCatalog,
  sources: LaneSource[],
): Promise<void> {
  const asked = sources.flatMap((source) => {
    const cursor = catalog.cursorOf(source)?.at;
    return cursor === undefined
      ? []
      : [{ source, statement: cursorCheckStatement(names, source.lane, source.claim_rank, cursor) }];
  });
  if (asked.length === 0) return;
  const started = monotonic();
  const answers = await session.batch(asked.map((one) => one.statement));
  const cost = (monotonic() - started) / asked.length;
  for (const [n, { source }] of asked.entries()) {
    const [found] = answers[n] as unknown as Cursor[];
    catalog.cursorChecked(source, found, monotonic(), cost);
  }
}
