import { SecretMask } from './secret-mask.ts';

/** Texts that are remembered: some for each secret that a worker has used. */
const MOST = 5000;

/** The secrets that this process knows by their value: those of its configuration, and what it has learned while it runs. */
export class KnownSecrets {
  readonly #texts = new Set<string>();
  #mask: SecretMask | undefined;
  /** Those that the mask does not know. */
  #fresh: string[] = [];

  constructor(texts: Iterable<string> = []) {
    this.add(texts);
  }

  /** Of very many, the oldest are forgotten. */
  add(texts: Iterable<string>): void {
    for (const one of texts) {
      // Those that are known need no new mask: the same few are used again and again.
      if (!this.#texts.delete(one)) this.#fresh.push(one);
      this.#texts.add(one);
    }
    for (const oldest of this.#texts) {
      if (this.#texts.size <= MOST) break;
      this.#texts.delete(oldest);
      this.#mask = undefined;
    }
  }

  /** Undefined = there are none. */
  get mask(): SecretMask | undefined {
    if (this.#texts.size === 0) return undefined;
    if (this.#mask === undefined) this.#mask = new SecretMask(this.#texts);
    else if (this.#fresh.length > 0) this.#mask = new SecretMask(this.#fresh, this.#mask);
    this.#fresh = [];
    return this.#mask;
  }
}
