// A JSON schema in the words of a table: one line for each member, members of members with their path.
import { type JsonSchema, resolve, type Schemas } from './sample.ts';

export interface Member {
  path: string;
  type: string;
  required: boolean;
  description: string;
}

/** Deeper members are in the example alone. */
const DEEPEST = 3;

export function membersOf(schema: JsonSchema, schemas: Schemas, prefix = '', depth = 1): Member[] {
  const { schema: one } = strip(schema, schemas);
  return Object.entries(one.properties ?? {}).flatMap(([name, given]) => {
    const path = `${prefix}${name}`;
    const { schema: inner, suffix } = strip(given, schemas);
    const own: Member = {
      path,
      type: typeOf(given, schemas),
      required: one.required?.includes(name) === true,
      description: [given.description ?? resolve(given, schemas).description ?? '', limitsOf(inner)]
        .filter((text) => text !== '')
        .join(' '),
    };
    if (depth >= DEEPEST || inner.properties === undefined) return [own];
    return [own, ...membersOf(inner, schemas, `${path}${suffix}.`, depth + 1)];
  });
}

/** `integer or null`, `string[]`, `pending | running`. */
export function typeOf(given: JsonSchema, schemas: Schemas): string {
  const schema = resolve(given, schemas);
  const some = schema.anyOf ?? schema.oneOf;
  if (some !== undefined) return [...new Set(some.map((one) => typeOf(one, schemas)))].join(' or ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(String).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.join(' or ');
  if (schema.type === 'array') return `${typeOf(schema.items ?? {}, schemas)}[]`;
  return schema.type ?? 'any';
}

/** The object that matters: the items of an array, the part of a union that is not null. */
function strip(given: JsonSchema, schemas: Schemas): { schema: JsonSchema; suffix: string } {
  const schema = resolve(given, schemas);
  const some = (schema.anyOf ?? schema.oneOf)?.filter((one) => one.type !== 'null');
  if (some?.length === 1 && some[0] !== undefined) return strip(some[0], schemas);
  if (schema.type === 'array' && schema.items !== undefined)
    return { schema: strip(schema.items, schemas).schema, suffix: '[]' };
  return { schema, suffix: '' };
}

function limitsOf(schema: JsonSchema): string {
  const limits = [
    ['at least', schema.minimum],
    ['more than', schema.exclusiveMinimum],
    ['at most', schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum],
    ['less than', schema.exclusiveMaximum],
  ].flatMap(([words, n]) => (n === undefined || Number(n) <= Number.MIN_SAFE_INTEGER ? [] : [`${words} ${n}`]));
  if (schema.maxLength !== undefined) limits.push(`at most ${schema.maxLength} characters`);
  if (schema.maxItems !== undefined) limits.push(`at most ${schema.maxItems}`);
  if (schema.default !== undefined) limits.push(`default: ${JSON.stringify(schema.default)}`);
  return limits.length === 0 ? '' : `(${limits.join(', ')})`;
}
