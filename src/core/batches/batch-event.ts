// The event of a batch that ended.
import type { NewDelivery } from '../db/webhooks/deliveries.ts';
import type { ActiveWebhook } from '../db/webhooks/webhook-rows.ts';
import type { Batch, BatchCounts } from '../domain/task/batch.ts';
import { BATCH_ENDED } from '../domain/webhook.ts';

/** For each webhook that wants it. A batch has no task type: the types of a webhook concern its tasks alone. */
export function deliveriesOf(webhooks: ActiveWebhook[], batch: Batch, counts: BatchCounts): NewDelivery[] {
  const { batch_id, name, created_at, created_by, sealed_at, ended_at } = batch;
  const data = { batch_id: String(batch_id), name, counts, created_at, created_by, sealed_at, ended_at };
  const body = JSON.stringify({ type: BATCH_ENDED, timestamp: ended_at, data });
  return webhooks
    .filter((one) => one.event_types.includes(BATCH_ENDED))
    .map((one) => ({
      ...{ webhook_id: one.id, source: 'batch', source_id: batch_id },
      ...{ event_type: BATCH_ENDED, task_id: null, body },
    }));
}
