// What a mutant is: patches of sources, and what must catch them.
import type { Weights } from '../plan.ts';

export interface Patch {
  file: string;
  find: string;
  replace: string;
}

export interface ShortStorm {
  kind: 'storm';
  weights: Weights;
  kills: number;
  tasks: number;
  pace_ms: number;
  seed?: number;
  /** Rules of which one must break. */
  rules: number[];
}

export interface NamedTest {
  kind: 'test';
  project: 'unit' | 'db' | 'serial' | 'proof';
  file: string;
  /** Part of the names of the tests that must fail. */
  name: string;
}

export interface Mutant {
  name: string;
  /** What is taken away, for the table in the docs. */
  what: string;
  patches: Patch[];
  by: ShortStorm | NamedTest;
  /** Of one that a storm catches: the test of `npm test` that catches it too. */
  also?: NamedTest;
}

export const storm = (weights: Weights, rules: number[], more: Partial<ShortStorm> = {}): ShortStorm => ({
  kind: 'storm',
  weights,
  rules,
  kills: 8,
  tasks: 300,
  pace_ms: 300,
  ...more,
});
export const test = (project: NamedTest['project'], file: string, name: string): NamedTest => ({
  kind: 'test',
  project,
  file,
  name,
});
/** A patch of a file below src/core. */
export const core = (file: string, find: string, replace: string): Patch => ({
  file: `src/core/${file}`,
  find,
  replace,
});

/** One patch, caught by one test. */
export const caught = (name: string, what: string, patch: Patch, by: NamedTest): Mutant => ({
  name,
  what,
  patches: [patch],
  by,
});
