import type { Context } from '../context.ts';
import { sleep } from '../runtime/loop.ts';
import type { Claimer } from './claimer.ts';
import type { Runner } from './runner.ts';

/**
 * Ends a worker's work. First no more claims, and what runs may finish within shutdown_timeout; then, or when `force` is
 * aborted, what still runs is ended and given back without spending an attempt. Returns true when everything had
 * finished by itself and was written in time.
 */
export async function drain(
  context: Context,
  work: { runner: Runner; claimer: Claimer; claiming: Promise<void>; force: AbortSignal },
): Promise<boolean> {
  const { config, events } = context;
  const { runner, claimer, claiming, force } = work;
  const { shutdown_timeout, kill_grace } = config.worker;
  claimer.claiming = false;
  if (runner.busy > 0) events.emit('worker:draining', { running: runner.busy, deadline_s: shutdown_timeout });
  const forced = new Promise<'forced'>((resolve) => {
    if (force.aborted) resolve('forced');
    force.addEventListener('abort', () => resolve('forced'), { once: true });
  });
  const over = new AbortController();
  const deadline = sleep(shutdown_timeout * 1000, over.signal).then(() => 'deadline' as const);
  const first = await Promise.race([runner.drained().then(() => 'finished' as const), deadline, forced]);
  runner.abortAll('shutdown');
  // A claim that was under way when the claiming ended may have brought one more attempt: it is ended as well.
  const late = events.on('task:claimed', () => setImmediate(() => runner.abortAll('shutdown')));
  const written = runner
    .drained()
    .then(() => {
      claimer.stop();
      return claiming;
    })
    .then(() => 'written' as const);
  // Time for SIGTERM and SIGKILL of what still runs, and for one answer of the database.
  const lastCall = sleep((kill_grace * 2 + config.database.call_timeout + 1) * 1000, over.signal).then(
    () => 'late' as const,
  );
  const end = await Promise.race([written, first === 'finished' ? deadline : lastCall]);
  late();
  over.abort();
  return first === 'finished' && end === 'written';
}
