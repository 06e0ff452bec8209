// How many steps a backtracking engine (V8's is one) needs for a text, counted and not timed. The expression is compiled to
// a few instructions and run with an explicit stack; without the shortcuts of a real engine, so never too few.
import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';

/** Repetitions up to here are not looked at; the worst of /a{0,8}/ is eight steps more. */
export const SMALL_COUNT = 8;

type Test = (code: number) => boolean;
type Instruction =
  | { op: 'one'; test: Test }
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
    return { op: 'one', test };
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

export interface Search {
  steps: number;
  /** Begin and end of each match, as a search for all of them finds them. */
  matches: Array<[number, number]>;
}

/** A search for all matches. Gives up after `most` steps. */
export function search(compiled: Compiled, text: string, most = Number.POSITIVE_INFINITY): Search {
  const unicode = compiled.flags.includes('u');
  const codes = unicode ? Uint32Array.from(text, (one) => one.codePointAt(0)!) : new Uint16Array(text.length);
  if (!unicode) for (let n = 0; n < text.length; n += 1) codes[n] = text.charCodeAt(n);
  const counter = { steps: 0, most, multiline: compiled.flags.includes('m') };
  const matches: Array<[number, number]> = [];
  for (let start = 0; start <= codes.length && counter.steps < most; ) {
    const end = run(compiled.program, codes, start, counter);
    if (end !== undefined) matches.push([start, end]);
    start = end === undefined || end === start ? start + 1 : end;
  }
  return { steps: counter.steps, matches };
}

interface Counter {
  steps: number;
  readonly most: number;
  readonly multiline: boolean;
}

function run(program: Instruction[], codes: ArrayLike<number>, start: number, counter: Counter): number | undefined {
  const stack: number[] = [0, start];
  while (stack.length > 0 && counter.steps < counter.most) {
    let at = stack.pop()!;
    let pc = stack.pop()!;
    for (;;) {
      counter.steps += 1;
      const instruction = program[pc]!;
      if (instruction.op === 'match') return at;
      if (instruction.op === 'split') {
        stack.push(pc + instruction.second, at);
        pc += instruction.first;
      } else if (instruction.op === 'jump') pc += instruction.to;
      else if (instruction.op === 'one') {
        if (at >= codes.length || !instruction.test(codes[at]!)) break;
        at += 1;
        pc += 1;
      } else if (instruction.op === 'edge') {
        if (!isEdge(instruction.kind, codes, at, counter.multiline)) break;
        pc += 1;
      } else {
        if ((run(instruction.program, codes, at, counter) === undefined) !== instruction.negate) break;
        pc += 1;
      }
    }
  }
  return undefined;
}

function isEdge(
  kind: 'start' | 'end' | 'word' | 'no-word',
  codes: ArrayLike<number>,
  at: number,
  multiline: boolean,
): boolean {
  if (kind === 'start') return at === 0 || (multiline && isLineEnd(codes[at - 1]!));
  if (kind === 'end') return at === codes.length || (multiline && isLineEnd(codes[at]!));
  const edge = isWord(codes[at - 1]) !== isWord(codes[at]);
  return edge === (kind === 'word');
}

function isLineEnd(code: number): boolean {
  return code === 10 || code === 13 || code === 0x2028 || code === 0x2029;
}

function isWord(code: number | undefined): boolean {
  return code !== undefined && /\w/.test(String.fromCodePoint(code));
}
