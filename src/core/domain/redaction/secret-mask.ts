/** Shorter values are not masked: they occur in every text. */
export const SHORTEST_SECRET = 6;
/** Longer ones are masked by their beginning and the text after it is not kept. */
const LONGEST_SECRET = 4096;
/** Characters at the end of a torn text that are taken for the beginning of a secret. */
const START = SHORTEST_SECRET / 2;
/** Of more spellings the text is read once instead of being searched for each. */
const MOST_SEARCHED = 64;
const SHOWN = '***';

/**
 * Replaces known secrets in texts, also as JSON, a URL or base64 would spell them. What is masked is the value, wherever it
 * stands; telling names are another matter (redact-text.ts).
 */
export class SecretMask {
  /** Characters of the longest spelling. */
  readonly longest: number;
  /** Of two that begin alike the longer one is first. */
  readonly #secrets: string[];
  /** By their first characters. */
  readonly #byStart = new Map<string, string[]>();

  /** `more`: what other masks know, which is not spelled again. */
  constructor(secrets: Iterable<string>, ...more: SecretMask[]) {
    const spelled = new Set<string>(more.flatMap((one) => one.#secrets));
    for (const secret of secrets) {
      if (secret.length < SHORTEST_SECRET) continue;
      for (const one of spellings(secret.slice(0, LONGEST_SECRET))) spelled.add(one);
    }
    this.#secrets = [...spelled].sort((a, b) => b.length - a.length);
    this.longest = this.#secrets[0]?.length ?? 0;
    for (const one of this.#secrets) {
      const start = one.slice(0, START);
      const alike = this.#byStart.get(start);
      if (alike === undefined) this.#byStart.set(start, [one]);
      else alike.push(one);
    }
  }

  apply(text: string): string {
    if (this.#secrets.length > MOST_SEARCHED) return this.#scan(text);
    let shown = text;
    for (const one of this.#secrets) if (shown.includes(one)) shown = shown.replaceAll(one, SHOWN);
    return shown;
  }

  /** In one pass, however many there are. */
  #scan(text: string): string {
    let shown = '';
    let copied = 0;
    for (let at = 0; at + START <= text.length; at += 1) {
      const alike = this.#byStart.get(text.slice(at, at + START));
      const found = alike?.find((one) => text.startsWith(one, at));
      if (found === undefined) continue;
      shown += text.slice(copied, at) + SHOWN;
      copied = at + found.length;
      at = copied - 1;
    }
    return copied === 0 ? text : shown + text.slice(copied);
  }

  /**
   * Of a text from which parts may be missing, each with `…` in its place: also without what may be a half of a secret before
   * it. `goesOn`: so is its end.
   */
  applyCut(text: string, goesOn = false): string {
    if (!goesOn && !text.includes('…')) return this.apply(text);
    const parts = text.split('…');
    return parts.map((one, n) => (n < parts.length - 1 || goesOn ? this.applyTorn(one) : this.apply(one))).join('…');
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
    for (let length = Math.min(this.longest - 1, masked.length); length >= START; length -= 1) {
      const end = masked.slice(-length);
      const alike = this.#byStart.get(end.slice(0, START));
      if (alike?.some((one) => one.startsWith(end))) return masked.slice(0, -length) + SHOWN;
    }
    return masked;
  }
}

function* spellings(secret: string): Generator<string> {
  yield secret;
  yield JSON.stringify(secret).slice(1, -1);
  // A half of a character has no spelling in a URL.
  const url = encodeURIComponent(secret.replace(/\p{Cs}/gu, '\ufffd'));
  yield url;
  yield url.replace(/%[0-9A-F]{2}/g, (one) => one.toLowerCase());
  for (const one of inBase64(secret)) {
    yield one;
    yield one.replaceAll('-', '+').replaceAll('_', '/');
  }
}

/**
 * As base64 spells it at each of the three places where it may begin in what is encoded (`user:password` of HTTP), without the
 * characters that it shares with its neighbours; and alone.
 */
function inBase64(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const alone = bytes.toString('base64url');
  const inside = [0, 1, 2].map((before) => {
    const spelled = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const shared = (before + bytes.length) % 3 === 0 ? 0 : 1;
    return spelled.slice(before === 0 ? 0 : before + 1, spelled.length - shared);
  });
  return [alone, ...inside].filter((one) => one.length >= SHORTEST_SECRET);
}
