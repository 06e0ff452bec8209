// What a submitter sees: the tasks and batches that they have added. What others have added is for them as if it did not exist.
import type { Context } from '../context/context.ts';
import { ownsBatch, ownsTask } from '../db/access/task-owners.ts';
import { noBatch } from '../db/batches/write-batch.ts';
import { AfdError } from '../domain/errors.ts';

/** As the rows of tasks and batches name a submitter: keys that replace each other are the same one, and a new user with an old name is not. */
export function ownerOf(by: { user: { id: string } } | { key: { first_key_id: string } }): string {
  return 'user' in by ? `user:${by.user.id}` : `key:${by.key.first_key_id}`;
}

/** @throws AfdError E_NOT_FOUND: somebody else's, or there is none; DatabaseError */
export async function checkOwnTask(context: Context, owner: string, taskId: number): Promise<void> {
  if (await ownsTask(await context.session(), context.names, owner, taskId)) return;
  throw new AfdError('E_NOT_FOUND', `There is no task ${taskId}.`, { suggestions: ['afd tasks ls'] });
}

/** @throws AfdError E_NOT_FOUND: somebody else's, or there is none; DatabaseError */
export async function checkOwnBatch(context: Context, owner: string, batchId: number): Promise<void> {
  if (!(await ownsBatch(await context.session(), context.names, owner, batchId))) throw noBatch(batchId);
}
