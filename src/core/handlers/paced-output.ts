import type { Readable } from 'node:stream';
import { monotonic } from '../runtime/clock.ts';

/** Bytes a millisecond of which a handler that does anything else but print stays below: 256 MB a second. */
const BYTES_PER_MS = 256_000;
/** Shorter pauses than this are no pauses: a timer takes as long. */
const SHORTEST_PAUSE_MS = 4;

/**
 * Passes on the output. Once `enough` says that there was plenty of it, it is still read, since its writer must not hang, but
 * not faster than a handler writes: reading the endless output of a loop takes a whole core from the other tasks.
 */
export function readPaced(
  stream: Readable,
  take: (chunk: Buffer) => void,
  enough: () => boolean,
  clock: () => number = monotonic,
): void {
  let taken = 0;
  let since = 0;
  stream.on('data', (chunk: Buffer) => {
    take(chunk);
    if (!enough()) return;
    const now = clock();
    const ahead = taken / BYTES_PER_MS - (now - since);
    // A stream that was slow gets no credit for it.
    if (ahead < 0) [taken, since] = [0, now];
    taken += chunk.length;
    if (ahead < SHORTEST_PAUSE_MS) return;
    stream.pause();
    setTimeout(() => stream.resume(), ahead);
  });
}
