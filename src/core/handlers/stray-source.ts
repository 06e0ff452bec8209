// Whose code an uncaught error went through: read from its stack. Following every task through Node's asynchronous
// calls instead (AsyncLocalStorage) was measured on Node 20: 3 µs of processor more per task that does nothing, of 50
// at 20,000 tasks per second, and something for every promise of the process.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Handler } from './handler.ts';

/** Of a stack; a handler may have written it, as long as it likes. */
const MOST_LINES = 100;
const MOST_CHARACTERS = 20_000;
const OWN = fileURLToPath(new URL('../../', import.meta.url));

/**
 * The task types whose module is in the stack of this error, or else files in the same folder. Empty = none: the error
 * may come from afd itself, from a package, or from Node on behalf of either.
 */
export function typesInStack(error: unknown, handlers: ReadonlyMap<string, Handler>): string[] {
  const files = framesOf(error);
  const modules = [...handlers].flatMap(([type, { source }]) => (source === undefined ? [] : [{ type, source }]));
  const named = modules.filter(({ source }) => files.includes(source));
  const found = named.length > 0 ? named : modules.filter(({ source }) => files.some((file) => isBeside(file, source)));
  return found.map(({ type }) => type);
}

function isBeside(file: string, source: string): boolean {
  const dir = `${dirname(source)}/`;
  return file.startsWith(dir) && !file.slice(dir.length).includes('node_modules/');
}

/** Nothing where afd's own code threw: whatever called it was interrupted in the middle. */
function framesOf(error: unknown): string[] {
  const stack = stackOf(error);
  const files = stack.slice(0, MOST_CHARACTERS).split('\n', MOST_LINES).flatMap(fileOf);
  return files[0]?.startsWith(OWN) === true ? [] : files;
}

/** The file of a line such as `    at name (file:///folder/file.js:12:5)`; none where it shows none. */
function fileOf(line: string): string[] {
  const end = line.endsWith(')') ? line.length - 1 : line.length;
  const column = line.lastIndexOf(':', end);
  const row = line.lastIndexOf(':', column - 1);
  if (row < 1) return [];
  const place = line.slice(Math.max(line.lastIndexOf(' ', row), line.lastIndexOf('(', row)) + 1, row);
  return place.startsWith('/') || place.startsWith('file:///') ? [pathOf(place)] : [];
}

function pathOf(place: string): string {
  if (!place.startsWith('file:')) return place;
  try {
    return fileURLToPath(place);
  } catch {
    return place;
  }
}

/** A handler may throw anything, also what throws when it is read. */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack) : '';
  } catch {
    return '';
  }
}
