import { setTimeout as pause } from 'node:timers/promises';
import type { AfdEventName, AfdEvents, Events } from '../../src/core/runtime/events.ts';

/** How long is waited for what must come, in milliseconds: it costs nothing when it comes, also on a busy machine. */
const PATIENCE_MS = 30_000;
/** Between two questions, in milliseconds: at first, and in the end, so that a long wait leaves the machine to what it waits for. */
const SOON_MS = 5;
const LATER_MS = 50;

/**
 * The data of the next event of that name for which `predicate` holds. Call it before what causes the event, and await
 * it afterwards.
 */
export function once<K extends AfdEventName>(
  events: Events,
  name: K,
  predicate: (data: AfdEvents[K]) => boolean = () => true,
  timeoutMs = PATIENCE_MS,
): Promise<AfdEvents[K]> {
  const late = new Error(`no "${name}" that fits within ${timeoutMs} ms`);
  const promise = new Promise<AfdEvents[K]>((resolve, reject) => {
    const timer = setTimeout(() => {
      off();
      reject(late);
    }, timeoutMs);
    const off = events.on(name, (data) => {
      if (!predicate(data)) return;
      clearTimeout(timer);
      off();
      resolve(data);
    });
  });
  // A test that fails before it awaits this must fail for its own reason.
  promise.catch(() => {});
  return promise;
}

/** Asks (mostly the database) until the answer is neither undefined nor false, and returns it. Errors end it at once. */
export async function until<T>(
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = PATIENCE_MS,
  what = 'what the test waits for',
): Promise<T> {
  // The place of the caller: after a time-out its own stack says nothing.
  const late = new Error(`${what} did not come within ${timeoutMs} ms`);
  const end = performance.now() + timeoutMs;
  for (let wait = SOON_MS; ; wait = Math.min(wait * 1.2, LATER_MS)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= end) throw late;
    await pause(wait);
  }
}
