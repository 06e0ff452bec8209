// A regular expression as instructions of a backtracking engine (V8's is one), which regex-search.ts runs and counts.
import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';

/** Repetitions up to here are not looked at; the worst of /a{0,8}/ is eight steps more. */
export const SMALL_COUNT = 8;

export type Test = (code: number) => boolean;
export type Instruction =
  | { op: 'one'; test: Test; known: Uint8Array }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { op: 'edge'; kind: 'start' | 'end' | 'word' | 'no-word' }
  | { op: 'look'; program: Instruction[]; negate: boolean }
  | { op: 'match' };

export interface Compiled {
  program: Instruction[];
  pattern: AST.Pattern;
  flags: string;
  /** Every place that takes one character. */
  tests: Test[];
}

/** @throws Error for what no expression of ours uses: back references, look-behind, empty bodies that repeat for ever */
export function compile(source: string, flags: string): Compiled {
  const unicode = flags.includes('u');
  const pattern = new RegExpParser().parsePattern(source, 0, source.length, { unicode });
  const tests: Test[] = [];
  const compiled = { program: [], pattern, flags, tests };
  return { ...compiled, program: [...new Assembler(flags, tests).alternatives(pattern.alternatives), { op: 'match' }] };
}

class Assembler {
  readonly #flags: string;
  readonly #tests: Test[];

  constructor(flags: string, tests: Test[]) {
    this.#flags = flags.replaceAll(/[gmyd]/g, '');
    this.#tests = tests;
  }

  alternatives(list: readonly AST.Alternative[]): Instruction[] {
    const [first, ...others] = list.map((one) => one.elements.map((element) => this.#element(element)));
    return others.reduce((sum, other) => either(sum, chain(other)), chain(first!));
  }

  #element(node: AST.Element): Instruction[] {
    switch (node.type) {
      case 'Character':
      case 'CharacterClass':
      case 'CharacterSet':
        return [this.#one(node.raw)];
      case 'Group':
      case 'CapturingGroup':
        return this.alternatives(node.alternatives);
      case 'Quantifier':
        return this.#repeated(node);
      case 'Assertion':
        if (node.kind === 'start' || node.kind === 'end') return [{ op: 'edge', kind: node.kind }];
        if (node.kind === 'word') return [{ op: 'edge', kind: node.negate ? 'no-word' : 'word' }];
        if (node.kind === 'lookahead') {
          const program: Instruction[] = [...this.alternatives(node.alternatives), { op: 'match' }];
          return [{ op: 'look', program, negate: node.negate }];
        }
        break;
    }
    throw new Error(`${node.raw} is not counted: write it in another way, or teach test/helpers/regex-steps.ts`);
  }

  /** What a single character may be is asked of the real engine, once for each. */
  #one(raw: string): Instruction {
    const real = new RegExp(`^(?:${raw})$`, this.#flags);
    const known = new Uint8Array(this.#flags.includes('u') ? 0x11_0000 : 0x1_0000);
    const test = (code: number) => {
      if (known[code] === 0) known[code] = real.test(String.fromCodePoint(code)) ? 1 : 2;
      return known[code] === 1;
    };
    this.#tests.push(test);
    return { op: 'one', test, known };
  }

  #repeated({ element, min, max, greedy }: AST.Quantifier): Instruction[] {
    const body = () => this.#element(element);
    const needed = Array.from({ length: min }, body).flat();
    if (max === Number.POSITIVE_INFINITY) {
      if (leastLength(element) === 0) throw new Error(`${element.raw} may be empty and is repeated for ever`);
      const once = body();
      const [stay, leave] = [1, once.length + 2];
      const [first, second] = greedy ? [stay, leave] : [leave, stay];
      return [...needed, { op: 'split', first, second }, ...once, { op: 'jump', to: -once.length - 1 }];
    }
    let more: Instruction[] = [];
    for (let n = min; n < max; n += 1) {
      const once = [...body(), ...more];
      const [first, second] = greedy ? [1, once.length + 1] : [once.length + 1, 1];
      more = [{ op: 'split', first, second }, ...once];
    }
    return [...needed, ...more];
  }
}

/** Targets are relative, so that programs can be put together. */
function either(one: Instruction[], other: Instruction[]): Instruction[] {
  return [{ op: 'split', first: 1, second: one.length + 2 }, ...one, { op: 'jump', to: other.length + 1 }, ...other];
}

function chain(parts: Instruction[][]): Instruction[] {
  return parts.flat();
}

/** No repetition without a small end: then a start costs at most this number of steps, whatever follows it. */
export function isShort({ pattern }: Compiled): boolean {
  let short = true;
  visitRegExpAST(pattern, {
    onQuantifierEnter: ({ max }) => {
      short &&= max <= SMALL_COUNT;
    },
  });
  return short;
}

export function leastLength(node: AST.Element): number {
  if (node.type === 'Quantifier') return node.min * leastLength(node.element);
  if (node.type === 'Group' || node.type === 'CapturingGroup') {
    const lengths = node.alternatives.map((one) =>
      one.elements.reduce((sum, element) => sum + leastLength(element), 0),
    );
    return Math.min(...lengths);
  }
  return node.type === 'Assertion' ? 0 : 1;
}
