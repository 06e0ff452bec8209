// Batches as programs and operators see and seal them.
import type { Context } from '../context/context.ts';
import { countBatch } from '../db/batches/batch-counts.ts';
import { listBatches, readBatches } from '../db/batches/batch-rows.ts';
import { noBatch, sealBatch } from '../db/batches/write-batch.ts';
import type { Batch, BatchCounts } from '../domain/task/batch.ts';
import { CursorOf, isId } from '../paging/cursor.ts';

export type { Batch, BatchCounts };

export interface ShownBatch extends Batch {
  /** As they are now; of a batch that has ended too: a task that is retried afterwards is counted as it is. */
  counts: BatchCounts;
}

export interface SealedBatch extends Batch {
  /** It was sealed before, and nothing changed. */
  already: boolean;
}

/** Newest first; `owner`: those of one submitter. @throws AfdError E_USAGE for a cursor of another list; DatabaseError */
export async function batches(
  context: Context,
  { cursor, limit, owner }: { cursor?: string | undefined; limit: number; owner?: string | undefined },
): Promise<{ batches: Batch[]; cursor: string | null }> {
  const places = new CursorOf<number>('batches', owner === undefined ? {} : { owner }, isId);
  const before = places.decode(cursor) ?? Number.MAX_SAFE_INTEGER;
  const rows = await listBatches(await context.session(), context.names, { before, limit: limit + 1, owner });
  const shown = rows.slice(0, limit);
  return { batches: shown, cursor: rows.length > limit ? places.encode(shown.at(-1)!.batch_id) : null };
}

/** @throws AfdError E_NOT_FOUND; DatabaseError */
export async function showBatch(context: Context, id: number): Promise<ShownBatch> {
  const session = await context.session();
  const [batch] = await readBatches(session, context.names, [id]);
  if (batch === undefined) throw noBatch(id);
  return { ...batch, counts: await countBatch(session, context.names, id) };
}

/** Waits for those who are adding to it. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function seal(context: Context, id: number): Promise<SealedBatch> {
  const session = await context.session();
  const sealed = await sealBatch(session, context.names, id);
  const [batch] = await readBatches(session, context.names, [id]);
  if (batch === undefined) throw noBatch(id);
  return { ...batch, already: !sealed };
}
