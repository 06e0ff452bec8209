import { SecretMask } from '../domain/run-log/secret-mask.ts';

/** Texts that are remembered: some for each secret that a worker has used. */
const MOST = 5000;
/** Objects within objects; the log itself shows fewer levels. */
const DEPTH = 10;

/** Secrets that this process has learned while it runs: kept out of every line that it logs. */
export class HiddenTexts {
  readonly #texts = new Set<string>();
  #mask: SecretMask | undefined;

  add(texts: string[]): void {
    for (const one of texts) {
      // Those that are known need no new mask: the same few are used again and again.
      if (!this.#texts.delete(one)) this.#mask = undefined;
      this.#texts.add(one);
    }
    for (const oldest of this.#texts) {
      if (this.#texts.size <= MOST) break;
      this.#texts.delete(oldest);
    }
  }

  /** The value, or a copy without them. */
  of(value: unknown): unknown {
    if (this.#texts.size === 0) return value;
    this.#mask ??= new SecretMask(this.#texts);
    return shown(value, this.#mask, 0);
  }
}

function shown(value: unknown, mask: SecretMask, depth: number): unknown {
  if (typeof value === 'string') return mask.applyCut(value);
  if (typeof value === 'number' || typeof value === 'bigint') {
    const text = String(value);
    return mask.apply(text) === text ? value : '***';
  }
  if (value instanceof Error) return mask.applyCut(String(value.message));
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value)) return value;
  if (depth > DEPTH) return '[deeper]';
  if (Array.isArray(value)) return value.map((one) => shown(one, mask, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [mask.apply(key), shown(one, mask, depth + 1)]));
}
