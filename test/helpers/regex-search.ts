// How many steps a backtracking engine (V8's is one) needs for a text, counted and not timed: with an explicit stack, and without
// the shortcuts of a real engine, so never too few.
import type { Compiled, Instruction, Test } from './regex-steps.ts';

export interface Search {
  steps: number;
  /** Begin and end of each match, as a search for all of them finds them. */
  matches: Array<[number, number]>;
}

/** A search for all matches. Gives up after `most` steps. */
export function search(compiled: Compiled, text: string, most = Number.POSITIVE_INFINITY): Search {
  const unicode = compiled.flags.includes('u');
  const codes = unicode ? Uint32Array.from(text, (one) => one.codePointAt(0)!) : unitsOf(text);
  const program = flat(compiled.program);
  const counter = { steps: 0, most, multiline: compiled.flags.includes('m'), places: [] };
  const matches: Array<[number, number]> = [];
  for (let start = 0; start <= codes.length && counter.steps < most; ) {
    const end = run(program, codes, start, counter);
    if (end !== undefined) matches.push([start, end]);
    start = end === undefined || end === start ? start + 1 : end;
  }
  return { steps: counter.steps, matches };
}

function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  Buffer.from(units.buffer).write(text, 'utf16le');
  return units;
}

interface Counter {
  steps: number;
  readonly most: number;
  readonly multiline: boolean;
  /** Where to go on when a way fails: pairs of instruction and place. One for all starts, of which a megabyte has a million. */
  readonly places: number[];
}

type Codes = Uint16Array | Uint32Array;

/** A program as an engine reads it, without objects of many shapes: it is read some hundred million times. */
interface Flat {
  ops: Uint8Array;
  /** Of a split the two places to go on, of a jump the first. */
  first: Int32Array;
  second: Int32Array;
  at: Instruction[];
  /** By instruction and character: 1 = it fits, 2 = it does not, 0 = nobody has asked yet. */
  known: Uint8Array[];
}

const [ONE, SPLIT, JUMP, MATCH] = [0, 1, 2, 3];
const OPS = { one: ONE, split: SPLIT, jump: JUMP, match: MATCH, edge: 4, look: 5 };
const flattened = new WeakMap<Instruction[], Flat>();

function flat(program: Instruction[]): Flat {
  const before = flattened.get(program);
  if (before !== undefined) return before;
  const places = program.map((one, pc) => {
    if (one.op === 'split') return [pc + one.first, pc + one.second];
    return one.op === 'jump' ? [pc + one.to, 0] : [0, 0];
  });
  const made: Flat = {
    ops: Uint8Array.from(program, ({ op }) => OPS[op]!),
    first: Int32Array.from(places, ([first]) => first!),
    second: Int32Array.from(places, ([, second]) => second!),
    at: program,
    known: program.map((one) => (one.op === 'one' ? one.known : new Uint8Array(0))),
  };
  flattened.set(program, made);
  return made;
}

function run(program: Flat, codes: Codes, start: number, counter: Counter): number | undefined {
  const { ops, first, second, known } = program;
  const { places, most } = counter;
  const bottom = places.length;
  let pc = 0;
  let at = start;
  let steps = counter.steps;
  let end: number | undefined;
  for (;;) {
    steps += 1;
    const op = ops[pc];
    let fits = true;
    if (op === ONE) {
      const code = codes[at]!;
      const fitting = at < codes.length ? known[pc]![code] : 2;
      fits = fitting === 0 ? (program.at[pc] as { test: Test }).test(code) : fitting === 1;
      at += 1;
      pc += 1;
    } else if (op === SPLIT) {
      places.push(second[pc]!, at);
      pc = first[pc]!;
    } else if (op === JUMP) pc = first[pc]!;
    else if (op === MATCH) {
      end = at;
      break;
    } else {
      counter.steps = steps;
      fits = condition(program.at[pc]!, codes, at, counter);
      steps = counter.steps;
      pc += 1;
    }
    if (fits) continue;
    if (places.length === bottom || steps >= most) break;
    at = places.pop()!;
    pc = places.pop()!;
  }
  places.length = bottom;
  counter.steps = steps;
  return end;
}

/** Whether an edge or a look ahead holds here, which takes no character. */
function condition(instruction: Instruction, codes: Codes, at: number, counter: Counter): boolean {
  if (instruction.op === 'edge') return isEdge(instruction.kind, codes, at, counter.multiline);
  if (instruction.op !== 'look') throw new Error(`${instruction.op} is no condition`);
  return (run(flat(instruction.program), codes, at, counter) === undefined) === instruction.negate;
}

function isEdge(kind: 'start' | 'end' | 'word' | 'no-word', codes: Codes, at: number, multiline: boolean): boolean {
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
