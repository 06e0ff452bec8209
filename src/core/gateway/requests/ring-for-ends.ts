// After ends are written: other devices may run what they enqueued or released.
import type { Reconciled } from '../../domain/attempt/reconcile.ts';
import type { RequestContexts } from './request-contexts.ts';

/** In a context of its own: nobody waits for it. Never rejects: where it fails, a poll finds the tasks. */
export async function ringForEnds(requests: RequestContexts, reconciled: Reconciled[]): Promise<void> {
  const accepted = reconciled.flatMap((one) => (one.kind === 'accepted' ? [one.end] : []));
  const enqueued = accepted.flatMap(({ finish: { outcome } }) => (outcome.kind === 'done' ? outcome.enqueue : []));
  const released = accepted.filter((one) => one.task_status === 'pending' && (one.due_in_s ?? 0) === 0);
  if (enqueued.length + released.length === 0) return;
  const ring = requests.use(async (context) => {
    const session = await context.session();
    const { notifier } = await context.producer();
    if (enqueued.length > 0) await notifier.notify(session, enqueued);
    const ids = released.map((one) => one.finish.task_id);
    if (ids.length > 0) await notifier.notifyAgain(session, ids);
  });
  await ring.catch(() => {});
}
