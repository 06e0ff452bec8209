import { AfdError } from '../../domain/errors.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { Runner } from './runner.ts';

/**
 * Checks repeatedly whether every slot is held by a handler that ignores its abort signal, and calls `onStuck` with
 * E_STUCK when that has lasted for `limitS` seconds. Returns what ends the watch.
 */
export function watchStuck(
  runner: Pick<Runner, 'attempts'>,
  slots: number,
  limitS: number,
  onStuck: (error: AfdError) => void,
): () => void {
  let since: number | undefined;
  const check = () => {
    const attempts = runner.attempts();
    const all = attempts.length >= slots && attempts.every((one) => one.state === 'stuck');
    since = all ? (since ?? monotonic()) : undefined;
    if (since === undefined || monotonic() - since < limitS * 1000) return;
    const message =
      slots === 1
        ? `A handler that ignores its abort signal has held the only slot for ${limitS} s.`
        : `Handlers that ignore their abort signal have held all ${slots} slots for ${limitS} s.`;
    onStuck(new AfdError('E_STUCK', message, { suggestions: ['afd tasks ls --status running'] }));
  };
  const watching = setInterval(check, Math.min(1000, limitS * 250));
  return () => clearInterval(watching);
}
