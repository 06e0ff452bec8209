// What keys the schema knows, read from the schema itself: nothing here repeats a key.
import type { z } from 'zod';
import { configSchema } from './config-schema.ts';

interface Definition {
  type: string;
  innerType?: z.ZodType;
  in?: z.ZodType;
  out?: z.ZodType;
  element?: z.ZodType;
  valueType?: z.ZodType;
  shape?: Record<string, z.ZodType>;
  catchall?: z.ZodType;
}

/** The type under its defaults, optionals and transforms. */
function bare(type: z.ZodType): Definition {
  const definition = type.def as unknown as Definition;
  if (definition.innerType !== undefined) return bare(definition.innerType);
  if (definition.type === 'pipe' && definition.in !== undefined) return bare(definition.in);
  return definition;
}

/** The range that the schema states for a number, `from 1s to 1d`; of a list that of its elements. */
function rangeOf(type: z.ZodType): string | undefined {
  const own = type.meta()?.range;
  if (typeof own === 'string') return own;
  const { innerType, element } = type.def as unknown as Definition;
  const inner = innerType ?? element;
  return inner === undefined ? undefined : rangeOf(inner);
}

/** Dotted keys of everything below `type` that is not a section; `scalar` = one word can give it (environment, flags). */
function leaves(type: z.ZodType, path: string): Array<{ key: string; scalar: boolean; range: string | undefined }> {
  const definition = bare(type);
  // Capabilities are open: whatever a device can do. They are one value.
  const open = definition.catchall !== undefined && bare(definition.catchall).type === 'unknown';
  if (definition.type !== 'object' || definition.shape === undefined || open) {
    const scalar = !['object', 'record', 'array'].includes(definition.type);
    return [{ key: path, scalar, range: rangeOf(type) }];
  }
  return Object.entries(definition.shape).flatMap(([name, child]) =>
    leaves(child, path === '' ? name : `${path}.${name}`),
  );
}

const LEAVES = leaves(configSchema, '');

/** Every dotted key that holds a value, in the order of the schema. */
export const CONFIG_KEYS: readonly string[] = LEAVES.map((leaf) => leaf.key);

/** Those that one word can give: the ones that have an environment variable. */
export const SCALAR_KEYS: readonly string[] = LEAVES.filter((leaf) => leaf.scalar).map((leaf) => leaf.key);

/** What the schema demands of each number, by dotted key. */
export const RANGES: ReadonlyMap<string, string> = new Map(
  LEAVES.flatMap(({ key, range }) => (range === undefined ? [] : [[key, range] as const])),
);

/** The names allowed directly under `path`, empty when anything is. */
export function namesUnder(path: readonly PropertyKey[]): string[] {
  let definition = bare(configSchema);
  for (const part of path) {
    const own = definition.shape !== undefined && Object.hasOwn(definition.shape, String(part));
    const next = (own ? definition.shape![String(part)] : undefined) ?? definition.valueType ?? definition.element;
    if (next === undefined) return [];
    definition = bare(next);
  }
  return Object.keys(definition.shape ?? {});
}
