import type { Context } from '../context/context.ts';
import { sleep } from '../runtime/loop.ts';
import type { Runner } from './run/runner.ts';
import type { WorkerClaimer } from './worker-link.ts';

/** A process that was killed is reaped within this, as a rule. */
const REAP_MS = 1000;
/** How long the writing of what was released after the deadline may take; else the others find it out. */
const ANSWER_MS = 2000;
/**
 * Seconds that ending a worker may take beyond shutdown_timeout and kill_grace: the two above, and as much for leaving the
 * database. After that its process ends whatever is open.
 */
export const END_GRACE_S = 5;

/**
 * Ends a worker's work. First no more claims, and what runs may finish within shutdown_timeout; then, or when `force`
 * is aborted, what still runs is ended and released without using a retry. Only open attempts are waited for: a handler
 * that holds its slot after the end of its attempt is not. Returns true when everything had finished by itself and was
 * written in time.
 */
export async function drain(
  context: Context,
  work: { runner: Runner; claimer: WorkerClaimer; force: AbortSignal },
): Promise<boolean> {
  const { config, events } = context;
  const { runner, claimer, force } = work;
  const { shutdown_timeout, kill_grace } = config.worker;
  claimer.claiming = false;
  if (runner.open > 0) events.emit('worker:draining', { running: runner.open, deadline_s: shutdown_timeout });
  const forced = new Promise<'forced'>((resolve) => {
    if (force.aborted) resolve('forced');
    force.addEventListener('abort', () => resolve('forced'), { once: true });
  });
  const over = new AbortController();
  const deadline = sleep(shutdown_timeout * 1000, over.signal).then(() => 'deadline' as const);
  const first = await Promise.race([runner.drained().then(() => 'finished' as const), deadline, forced]);
  runner.abortAll('shutdown');
  let givenUp = false;
  // A claim that was under way when the claiming ended may have brought one more attempt: it is ended as well.
  const late = events.on('task:claimed', () =>
    setImmediate(() => {
      runner.abortAll('shutdown');
      if (givenUp) runner.giveUpAll();
    }),
  );
  // Time for SIGTERM and SIGKILL of what still runs.
  await Promise.race([runner.drained(), sleep(kill_grace * 1000 + REAP_MS, over.signal)]);
  givenUp = true;
  runner.giveUpAll();
  const written = runner
    .drained()
    .then(() => claimer.stop())
    .then(() => claimer.finished)
    .then(() => 'written' as const);
  const answer = () => sleep(ANSWER_MS, over.signal).then(() => 'late' as const);
  const end = await Promise.race([written, first === 'finished' ? deadline : answer(), forced.then(answer)]);
  late();
  over.abort();
  return first === 'finished' && end === 'written';
}
