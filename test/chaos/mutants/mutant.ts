// What a mutant is: patches of sources, and what must catch them.
import type { Weights } from '../plan.ts';

export interface Patch {
  file: string;
  find: string;
  replace: string;
}

export interface ShortStorm {
  weights: Weights;
  /** Rules of which one must break. */
  rules: number[];
  kills: number;
  tasks: number;
  pace_ms: number;
}

export interface NamedTest {
  project: 'unit' | 'db' | 'serial' | 'proof';
  file: string;
  /** Part of the names of the tests that must fail. */
  name: string;
}

/** What is taken away, and what must catch it: a test, a storm, or each of both. `what`: for the table in the docs. */
export class Mutant {
  readonly name: string;
  readonly what: string;
  readonly patches: Patch[] = [];
  readonly caught: { test?: NamedTest; storm?: ShortStorm } = {};

  constructor(name: string, what: string) {
    this.name = name;
    this.what = what;
  }

  /** Of a file below src/core. `find` must be there exactly once. */
  in(file: string, find: string, replace: string): this {
    this.patches.push({ file: file.startsWith('src/') ? file : `src/core/${file}`, find, replace });
    return this;
  }

  test(file: string, name: string): this {
    const [, folder] = file.split('/');
    const project = folder === 'integration' ? 'db' : (folder as NamedTest['project']);
    this.caught.test = { project, file, name };
    return this;
  }

  storm(weights: Weights, rules: number[], more: Partial<ShortStorm> = {}): this {
    this.caught.storm = { weights, rules, kills: 8, tasks: 300, pace_ms: 300, ...more };
    return this;
  }
}

export const mutant = (name: string, what: string): Mutant => new Mutant(name, what);
