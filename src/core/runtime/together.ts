/**
 * Runs two things that end together: when the signal is aborted, or when one of them ends, both get the signal to stop. Resolves when both
 * have ended. @throws what ended the first of them, if it failed
 */
export async function together<A, B>(
  signal: AbortSignal,
  [one, other]: [(stop: AbortSignal) => Promise<A>, (stop: AbortSignal) => Promise<B>],
): Promise<[A, B]> {
  const both = new AbortController();
  const stop = () => both.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const failures: unknown[] = [];
  const run = <T>(work: (stop: AbortSignal) => Promise<T>) =>
    work(both.signal)
      .catch((error: unknown) => {
        failures.push(error);
        throw error;
      })
      .finally(stop);
  const running = [run(one), run(other)] as const;
  await Promise.allSettled(running);
  signal.removeEventListener('abort', stop);
  if (failures.length > 0) throw failures[0];
  return [await running[0], await running[1]];
}
