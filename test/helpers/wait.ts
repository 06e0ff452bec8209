import { setTimeout as pause } from 'node:timers/promises';
import type { AfdEventName, AfdEvents, Events } from '../../src/core/runtime/events.ts';

/**
 * The data of the next event of that name for which `predicate` holds. Call it before what causes the event, and await
 * it afterwards.
 */
export function once<K extends AfdEventName>(
  events: Events,
  name: K,
  predicate: (data: AfdEvents[K]) => boolean = () => true,
  timeoutMs = 10_000,
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
  timeoutMs = 10_000,
  what = 'what the test waits for',
): Promise<T> {
  // The place of the caller: after a time-out its own stack says nothing.
  const late = new Error(`${what} did not come within ${timeoutMs} ms`);
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= end) throw late;
    await pause(15);
  }
}
