// Looks for the text on which a regular expression needs the most steps, from the expression alone: something that leads up
// to a repetition, a word that is repeated, something that makes the match fail.
import type { AST } from '@eslint-community/regexpp';
import { search } from './regex-search.ts';
import { type Compiled, SMALL_COUNT } from './regex-steps.ts';

/** `head` + `pump` as often as it fits + `tail`. */
export interface Attack {
  head: string;
  pump: string;
  tail: string;
}

export function attackText({ head, pump, tail }: Attack, characters: number): string {
  return head + pump.repeat(Math.max(1, Math.floor((characters - head.length - tail.length) / pump.length))) + tail;
}

/** Characters of the text with which attacks are compared; in the real test they are much longer. */
const SMALL = 32;
const LARGE = 128;
const GIVE_UP = 10_000;

/** Those on which it is worst: by steps for a character, and by how they grow. */
export function worstAttacks(compiled: Compiled): Attack[] {
  let most = { attack: { head: '', pump: 'a', tail: '' }, score: 0 };
  let steepest = most;
  for (const attack of attacks(compiled)) {
    const large = stepsOf(compiled, attack, LARGE);
    if (large > most.score) most = { attack, score: large };
    const growth = large / stepsOf(compiled, attack, SMALL);
    if (growth > steepest.score) steepest = { attack, score: growth };
  }
  return [...new Set([most.attack, steepest.attack])];
}

function stepsOf(compiled: Compiled, attack: Attack, characters: number): number {
  return search(compiled, attackText(attack, characters), GIVE_UP).steps;
}

function* attacks(compiled: Compiled): Generator<Attack> {
  const letters = alphabet(compiled);
  const words = letters.flatMap((one) => [
    one,
    ...letters.filter((other) => other !== one).map((other) => one + other),
  ]);
  const tails = ['', ...letters];
  for (const head of heads(compiled, letters)) {
    const pumps = head === '' ? words : [...words, head, ...letters.map((one) => head + one)];
    for (const pump of pumps) for (const tail of tails) yield { head, pump, tail };
  }
}

/** One character of each kind that the expression tells apart. */
function alphabet({ tests }: Compiled): string[] {
  const codes = [...Array(128).keys(), 0xe9, 0x2028, 0x202e, 0xd800, 0xfeff].reverse();
  const kinds = new Map(codes.map((code) => [tests.map((test) => (test(code) ? '1' : '0')).join(''), code]));
  return [...kinds.values()].map((code) => String.fromCharCode(code));
}

/** The shortest texts that lead up to each repetition, with and without what is optional before it. */
function heads({ pattern, tests }: Compiled, letters: string[]): Set<string> {
  const found = new Set(['']);
  for (const least of [0, 1]) {
    let next = 0;
    const visit = (node: AST.Element, before: string): string => {
      switch (node.type) {
        case 'Character':
        case 'CharacterClass':
        case 'CharacterSet': {
          const test = tests[next++]!;
          return letters.find((one) => test(one.codePointAt(0)!)) ?? '';
        }
        case 'Quantifier': {
          if (node.max > SMALL_COUNT) found.add(before);
          // Compiled once for each time that it may or must be there; asked of the first.
          const copies = node.max === Number.POSITIVE_INFINITY ? node.min + 1 : node.max;
          const begin = next;
          const sample = copies === 0 ? '' : visit(node.element, before);
          next = begin + (next - begin) * copies;
          return sample.repeat(Math.max(node.min, Math.min(least, node.max)));
        }
        case 'Group':
        case 'CapturingGroup':
          return each(node.alternatives, before);
        case 'Assertion':
          if (node.kind === 'lookahead') each(node.alternatives, before);
          return '';
        default:
          return '';
      }
    };
    const each = (alternatives: readonly AST.Alternative[], before: string): string => {
      const samples = alternatives.map((one) =>
        one.elements.reduce((sum, element) => sum + visit(element, before + sum), ''),
      );
      return samples[0] ?? '';
    };
    each(pattern.alternatives, '');
  }
  return found;
}
