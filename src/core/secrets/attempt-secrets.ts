// The secrets of one attempt: put into what its handler gets, and taken out of what it says.
import { SecretMask, SHORTEST_SECRET } from '../domain/redaction/secret-mask.ts';
import { textsOf } from '../domain/redaction/secret-texts.ts';
import { canonicalJson } from '../domain/text/canonical-json.ts';
import { define, isMemberName, mapTexts, referenceOf, type SecretReference, spelledReference } from './references.ts';

/** A value that the handler wants to store contains a secret somewhere in a text, where no reference can take its place. */
export class SecretInside extends Error {}

export class AttemptSecrets {
  readonly #values: ReadonlyMap<string, unknown>;
  /** What must not be shown: every text of every value. */
  readonly texts: string[];
  readonly #mask: SecretMask;
  /** References by what they stand for. */
  readonly #byText = new Map<string, string>();
  readonly #byJson = new Map<string, string>();
  /** Numbers of members that a JSON value has which a reference stands for: most others need not be spelled to be told apart. */
  readonly #sizes = new Set<number>();

  /** By name. */
  constructor(values: ReadonlyMap<string, unknown>) {
    this.#values = values;
    this.texts = [...values.values()].flatMap((value) => textsOf(value));
    this.#mask = new SecretMask(this.texts);
    for (const [name, value] of values) this.#index({ name, path: [] }, value);
  }

  /** What a reference stands for. @throws Error: there is no such secret or member here */
  valueOf(reference: SecretReference): unknown {
    const { name, path } = reference;
    if (!this.#values.has(name)) throw new Error(`The secret ${name} was not read.`);
    let value = this.#values.get(name);
    for (const part of path) {
      const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, part);
      if (!inside) throw new Error(`The secret ${name} has no member ${path.join('.')}.`);
      value = (value as Record<string, unknown>)[part];
    }
    return structuredClone(value);
  }

  /** For an environment: a value that is no text becomes JSON. @throws Error as `valueOf` */
  textOf(reference: SecretReference): string {
    const value = this.valueOf(reference);
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  /** A copy with the values in the place of references. @throws Error as `valueOf` */
  fill<T>(value: T): T {
    return mapTexts(value, (text) => {
      const reference = referenceOf(text);
      return reference === undefined ? text : this.valueOf(reference);
    }) as T;
  }

  /** As `fill`; what stands for something else stays: what a handler stored may have been crawled. */
  fillKnown(value: unknown): unknown {
    return mapTexts(value, (text) => {
      const reference = referenceOf(text);
      if (reference === undefined) return text;
      try {
        return this.valueOf(reference);
      } catch {
        return text;
      }
    });
  }

  /** For what is shown: references in the place of values, and *** in texts that contain one. */
  masked(value: unknown): unknown {
    return this.#conceal(value, (text) => this.#mask.apply(text));
  }

  /** For what is used again: references in the place of values. @throws SecretInside: a text contains one */
  referring<T>(value: T): T {
    return this.#conceal(value, (text) => {
      if (this.#mask.apply(text) === text) return text;
      throw new SecretInside('it contains the value of a secret inside a longer text');
    }) as T;
  }

  #index(reference: SecretReference, value: unknown): void {
    const spelled = spelledReference(reference);
    const index = typeof value === 'object' && value !== null ? this.#byJson : this.#byText;
    const text = typeof value === 'string' ? value : index === this.#byJson ? canonicalJson(value) : String(value);
    if (text.length >= SHORTEST_SECRET && !index.has(text)) index.set(text, spelled);
    if (index === this.#byText) return;
    this.#sizes.add(Object.keys(value as object).length);
    for (const [key, one] of Object.entries(value as object))
      if (isMemberName(key)) this.#index({ name: reference.name, path: [...reference.path, key] }, one);
  }

  #conceal(value: unknown, inside: (text: string) => string): unknown {
    if (typeof value === 'string') return this.#byText.get(value) ?? inside(value);
    if (typeof value === 'number') return inside(String(value)) === String(value) ? value : '***';
    if (typeof value !== 'object' || value === null) return value;
    const alike = this.#sizes.has(Object.keys(value).length);
    const whole = alike ? this.#byJson.get(canonicalJson(value)) : undefined;
    if (whole !== undefined) return whole;
    if (Array.isArray(value)) return value.map((one) => this.#conceal(one, inside));
    const copy: Record<string, unknown> = {};
    for (const [key, one] of Object.entries(value)) define(copy, inside(key), this.#conceal(one, inside));
    return copy;
  }
}
