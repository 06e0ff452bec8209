import type { LogSource } from './log-line.ts';

/** Output as it came: bytes that are not decoded yet, or the text of whole lines. */
export interface RawChunk {
  source: LogSource;
  /** Milliseconds since 1970, by this machine's wall clock. */
  at: number;
  content: Buffer | string;
  /** Bytes that the attempt had put out before it, and with it; of a text its characters, and one for the end of its line. */
  from: number;
  to: number;
}

/** In bytes of output: the beginning and the end that are kept of one attempt. */
export interface RunLogQuota {
  head: number;
  tail: number;
}

/** A quarter of the quota is for the beginning, the rest for the newest. */
export function quotaOf(bytes: number): RunLogQuota {
  const head = Math.floor(bytes / 4);
  return { head, tail: bytes - head };
}

/**
 * Output of one attempt that waits to be written. Adding costs a copy at most, since an attempt may put out a gigabyte of
 * which nothing will be kept: decoding, masking and cutting wait until a chunk is taken. Beyond the quota the oldest
 * chunks that wait are dropped, but never those of the beginning; what was dropped shows in `from` of the next one.
 */
export class RunLogBuffer {
  readonly #quota: RunLogQuota;
  /** Those of the beginning. */
  #head: RawChunk[] = [];
  #tail: RawChunk[] = [];
  #tailBytes = 0;
  /** Of `#tail`: those before it were dropped, and are removed together. */
  #dropped = 0;
  /** Bytes put out so far. */
  total = 0;

  constructor(quota: RunLogQuota) {
    this.#quota = quota;
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#head.reduce((sum, one) => sum + one.to - one.from, 0) + this.#tailBytes;
  }

  add(source: LogSource, bytes: Buffer, at: number): void {
    const room = this.#quota.head - this.total;
    if (room > 0) {
      const first = bytes.subarray(0, room);
      this.#head.push({ source, at, content: owned(first), from: this.total, to: this.total + first.length });
      this.total += first.length;
      if (first.length < bytes.length) this.add(source, bytes.subarray(room), at);
      return;
    }
    const kept = bytes.subarray(Math.max(0, bytes.length - this.#quota.tail));
    this.total += bytes.length;
    this.#append({ source, at, content: owned(kept), from: this.total - kept.length, to: this.total });
  }

  /** Whole lines. Longer than the quota, they are cut. */
  addText(source: LogSource, text: string, at: number): void {
    const kept = text.length > this.#quota.tail ? text.slice(0, this.#quota.tail) : text;
    const from = this.total;
    this.total += kept.length + 1;
    const chunk = { source, at, content: kept, from, to: this.total };
    if (from < this.#quota.head) this.#head.push(chunk);
    else this.#append(chunk);
  }

  /** Output that never reached this process. */
  skip(bytes: number): void {
    this.total += bytes;
  }

  /** Drops the oldest of what waits, but not of the beginning, until at most this is left. */
  shorten(bytes: number): void {
    this.#shorten(Math.min(bytes, this.#quota.tail));
  }

  /** All that waits, in order. */
  take(): RawChunk[] {
    const taken = [...this.#head, ...this.#tail.slice(this.#dropped)];
    this.#head = [];
    this.#tail = [];
    this.#tailBytes = 0;
    this.#dropped = 0;
    return taken;
  }

  #append(chunk: RawChunk): void {
    this.#tail.push(chunk);
    this.#tailBytes += chunk.to - chunk.from;
    this.#shorten(this.#quota.tail);
  }

  #shorten(bytes: number): void {
    while (this.#tailBytes > bytes && this.#dropped < this.#tail.length) {
      const oldest = this.#tail[this.#dropped]!;
      this.#tailBytes -= oldest.to - oldest.from;
      oldest.content = '';
      this.#dropped += 1;
    }
    if (this.#dropped * 2 < this.#tail.length) return;
    this.#tail = this.#tail.slice(this.#dropped);
    this.#dropped = 0;
  }
}

/** A small part of a large block would keep the whole of it. */
function owned(bytes: Buffer): Buffer {
  return bytes.length * 2 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
