/** Shorter values are not masked: they occur in every text. */
export const SHORTEST_SECRET = 6;
/** Longer ones are masked by their beginning and the text after it is not kept. */
const LONGEST_SECRET = 4096;
const SHOWN = '***';

/**
 * Replaces known secrets in texts, also as JSON or a URL would spell them. What is masked is the value, wherever it
 * stands; telling names are another matter (log/redact.ts).
 */
export class SecretMask {
  /** Characters of the longest spelling. */
  readonly longest: number;
  /** Of two that begin alike the longer one is first. */
  readonly #secrets: string[];

  constructor(secrets: Iterable<string>) {
    const spelled = new Set<string>();
    for (const secret of secrets) {
      if (secret.length < SHORTEST_SECRET) continue;
      for (const one of spellings(secret.slice(0, LONGEST_SECRET))) spelled.add(one);
    }
    this.#secrets = [...spelled].sort((a, b) => b.length - a.length);
    this.longest = this.#secrets[0]?.length ?? 0;
  }

  apply(text: string): string {
    let shown = text;
    for (const one of this.#secrets) if (shown.includes(one)) shown = shown.replaceAll(one, SHOWN);
    return shown;
  }

  /** Of a text from which parts may be missing, each with `…` in its place: also without what may be a half of a secret before it. */
  applyCut(text: string): string {
    const parts = text.split('…');
    return parts.map((one, n) => (n < parts.length - 1 ? this.applyTorn(one) : this.apply(one))).join('…');
  }

  /**
   * Where a text may be cut: at `at`, or before the secret that the cut would divide; behind it, if the text begins with it.
   * The text must go on for at least `longest` characters after `at`.
   */
  cutBefore(text: string, at: number): number {
    let cut = at;
    // Two secrets may overlap: a cut that moved for one may divide the other.
    for (let moved = true; moved; ) {
      moved = false;
      for (const one of this.#secrets) {
        const found = text.indexOf(one, Math.max(0, cut - one.length + 1));
        if (found === -1 || found >= cut) continue;
        cut = found;
        moved = true;
      }
    }
    return cut > 0
      ? cut
      : Math.max(at, ...this.#secrets.filter((one) => text.startsWith(one)).map((one) => one.length));
  }

  /** Without what may be the beginning of a secret at the end of a text whose rest was not kept. */
  applyTorn(text: string): string {
    const masked = this.apply(text);
    for (let length = Math.min(this.longest - 1, masked.length); length >= SHORTEST_SECRET / 2; length -= 1) {
      const end = masked.slice(-length);
      if (this.#secrets.some((one) => one.startsWith(end))) return masked.slice(0, -length) + SHOWN;
    }
    return masked;
  }
}

function spellings(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  // A half of a character has no spelling in a URL.
  return [secret, inJson, encodeURIComponent(secret.replace(/\p{Cs}/gu, '\ufffd'))];
}
