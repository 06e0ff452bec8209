// The shape of a JSON value: what a script may rely on. Keys sorted; a value is shown as its type alone.

/** `string`, `number`, `boolean`, `null`, `time` (ISO 8601 UTC), a list with the shape of its members, an object by key. */
export type Shape = string | { [key: string]: Shape } | Shape[];

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/** Keys whose value is the user's own: any JSON. */
export const FREE = new Set([
  ...['task_data', 'payload', 'required_capabilities', 'result'],
  ...['capabilities', 'labels', 'system_info', 'value'],
]);

export function shapeOf(value: unknown): Shape {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? [] : [value.map(shapeOf).reduce(either)];
  if (typeof value === 'object') {
    const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, one]) => [key, FREE.has(key) ? 'json' : shapeOf(one)]));
  }
  return typeof value === 'string' && TIME.test(value) ? 'time' : typeof value;
}

/** What holds for both: `time | null`; a key that only one has ends in `?`. */
export function either(a: Shape, b: Shape): Shape {
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length === 0 || b.length === 0) return a.length === 0 ? b : a;
    return [either(a[0]!, b[0]!)];
  }
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set(Object.keys({ ...a, ...b }).map((key) => key.replace(/\?$/, '')))].sort();
    const entries = keys.map((key) => {
      const [l, r] = [a[key] ?? a[`${key}?`], b[key] ?? b[`${key}?`]];
      const shape = l === undefined ? r! : r === undefined ? l : either(l, r);
      return [key in a && key in b ? key : `${key}?`, shape];
    });
    return Object.fromEntries(entries);
  }
  if (a === 'null' && !isWord(b)) return nullable(b);
  if (b === 'null' && !isWord(a)) return nullable(a);
  if (!isWord(a) || !isWord(b)) return JSON.stringify(a) === JSON.stringify(b) ? a : 'mixed';
  const words = new Set([...a.split(' | '), ...b.split(' | ')]);
  const last = words.delete('null') ? ['null'] : [];
  return [...[...words].sort(), ...last].join(' | ');
}

function nullable(shape: Shape): Shape {
  return isObject(shape) ? { ...shape, '(nullable)': 'null' } : shape;
}

function isWord(shape: Shape): shape is string {
  return typeof shape === 'string';
}

function isObject(shape: Shape): shape is { [key: string]: Shape } {
  return typeof shape === 'object' && !Array.isArray(shape);
}
