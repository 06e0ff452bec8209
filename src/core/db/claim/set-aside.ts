// Invariant: a task that the server lets no worker claim is failed by itself, so that it stops no other task; only
// while no device holds it. Index: PRIMARY. Zero rows: another process has changed it meanwhile, which is as good.
import { fitText, type TextWidth } from '../../domain/text/fit-text.ts';
import { noteTaskEnd } from '../changes/note-task-end.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { transaction } from '../transaction.ts';
import { NO_INLINE_CLAIM } from './inline-claim.ts';

/** `said` undefined = last_error stays as it is. @throws DatabaseError, of fault `data` when not even this can be written */
export async function setAside(
  session: Session,
  names: TableNames,
  taskId: number,
  said: { text: string; width: TextWidth } | undefined,
): Promise<number> {
  const text = said === undefined ? null : fitText(said.text, said.width);
  return transaction(session, async () => {
    const { affectedRows } = await session.write(
      `UPDATE ${names.task} SET status = 'failed', claim_token = NULL, ${NO_INLINE_CLAIM}, finished_at = UTC_TIMESTAMP(3),
       updated_at = NOW(3)${text === null ? '' : ', last_error = ?'}
     WHERE id = ? AND status IN ('pending', 'assigned')`,
      text === null ? [taskId] : [text, taskId],
    );
    if (affectedRows > 0) await noteTaskEnd(session, names, { taskId, status: 'failed', cause: 'not-claimable' });
    return affectedRows;
  });
}
