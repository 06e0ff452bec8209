import type { Readable } from 'node:stream';

/** Output that is not kept: bytes read in one go, and milliseconds of pause after them: 50 MiB/s. */
const BYTES = 1024 * 1024;
const PAUSE = 20;

/**
 * Passes on the output. Once `enough` says that none of it is kept any more, it is still read, since its writer must
 * not hang, but slowly: reading an endless output as fast as it comes takes a whole core from the other tasks.
 */
export function readPaced(stream: Readable, take: (chunk: Buffer) => void, enough: () => boolean): void {
  let taken = 0;
  stream.on('data', (chunk: Buffer) => {
    take(chunk);
    if (!enough()) return;
    taken += chunk.length;
    if (taken < BYTES) return;
    taken = 0;
    stream.pause();
    setTimeout(() => stream.resume(), PAUSE);
  });
}
