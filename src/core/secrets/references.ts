// How a payload, or the environment of a command, names a secret: `secret:NAME`, or `secret:NAME#member` for one member of a
// value that is JSON. Only a whole text is a reference: crawled text that contains one somewhere is not.

const PREFIX = 'secret:';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
/** Names of members, from the outer to the inner one. */
const MEMBER = /^[\w-]{1,64}$/;
/** Levels of a payload that are looked at: servers store no deeper JSON than 100. */
const DEPTH = 128;

export interface SecretReference {
  name: string;
  /** Empty = the whole value. */
  path: string[];
}

/** Letters, digits, ".", "_", "/" and "-"; at most 128. */
export function isSecretName(name: string): boolean {
  return NAME.test(name);
}

/** Undefined = the text is no reference. */
export function referenceOf(text: string): SecretReference | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const [name = '', member, ...more] = text.slice(PREFIX.length).split('#');
  if (!NAME.test(name) || more.length > 0) return undefined;
  const path = member === undefined ? [] : member.split('.');
  return path.every((one) => MEMBER.test(one)) ? { name, path } : undefined;
}

export function spelledReference({ name, path }: SecretReference): string {
  return path.length === 0 ? `${PREFIX}${name}` : `${PREFIX}${name}#${path.join('.')}`;
}

/** Whether a reference can be made of this member: its name needs no escape. */
export function isMemberName(name: string): boolean {
  return MEMBER.test(name);
}

/** False = the JSON text has no reference for sure, and need not be parsed to see that. JSON may spell a letter as an escape. */
export function mayRefer(json: string | null): boolean {
  return json !== null && (json.includes(PREFIX) || json.includes('\\u'));
}

/** What a value refers to, at any depth; keys of objects are no references. */
export function referencesIn(value: unknown): SecretReference[] {
  const found: SecretReference[] = [];
  mapTexts(value, (text) => {
    const one = referenceOf(text);
    if (one !== undefined) found.push(one);
    return text;
  });
  return found;
}

/** A copy of a value with other texts; `change` gets each text that is a value. */
export function mapTexts(value: unknown, change: (text: string) => unknown, depth = 0): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null || depth > DEPTH) return value;
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [key, one] of Object.entries(value)) define(copy, key, mapTexts(one, change, depth + 1));
  return copy;
}

/** Not by assignment, which for `__proto__` would set something else. */
export function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}
