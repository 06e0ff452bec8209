import { AfdError } from '../../core/domain/errors.ts';

/** What the schema of a request has found, as zod says it. */
export interface RequestProblem {
  /** Where, in the body or the parameters. Empty: the whole. */
  path: readonly PropertyKey[];
  code: string | undefined;
  message: string;
  expected?: string;
  values?: readonly unknown[];
  keys?: readonly string[];
}

/** Unknown keys that an answer names, and characters of each: a caller may send any number of them. */
const MOST_KEYS = 5;
const MOST_OF_KEY = 60;

/** The answer to a request that its schema refuses: each place, and what is wrong with it. */
export function invalidRequest(problems: readonly RequestProblem[]): AfdError {
  return new AfdError('E_USAGE', `The request is not valid: ${problems.map(sentence).join('; ')}.`);
}

function sentence(problem: RequestProblem): string {
  const { path, code, message, expected, values, keys } = problem;
  const where = path.join('.') || 'it';
  if (code === 'unrecognized_keys' && keys !== undefined) {
    const names = keys.slice(0, MOST_KEYS).map((key) => JSON.stringify(key.slice(0, MOST_OF_KEY)));
    const more = keys.length - names.length;
    return `${where} must not have ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
  if (code === 'invalid_value' && values !== undefined) return `${where} must be ${oneOf(values)}`;
  if (code === 'invalid_type' && expected !== undefined) {
    return message.endsWith('received undefined') ? `${where} is missing` : `${where} must be ${article(expected)}`;
  }
  return `${where}: ${message}`;
}

/** `a`, `a or b`, `a, b or c`. */
export function oneOf(values: readonly unknown[]): string {
  const all = values.map(String);
  return all.length < 2 ? all.join() : `${all.slice(0, -1).join(', ')} or ${all.at(-1)}`;
}

function article(expected: string): string {
  if (expected === 'int') return 'a whole number';
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}
