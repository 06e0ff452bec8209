// A text from outside (a payload, a crawled page, a file, an answer) may be a megabyte of whatever hurts most. Nothing in src
// may need more steps than in proportion to it: a quadratic expression holds a worker's event loop for minutes.
import { expect, it } from 'vitest';
import { Random } from '../../chaos/random.ts';
import { attackText, worstAttacks } from '../../helpers/regex-attack.ts';
import { search } from '../../helpers/regex-search.ts';
import { compile, isShort } from '../../helpers/regex-steps.ts';
import { type SourceRegex, sourceRegexes } from '../../helpers/source-regexes.ts';

const { literals, made } = sourceRegexes('src');
const KB = 1024;

/** Steps for a character; an expression that needs more even for a short text is not measured with a long one. */
const MOST = 200;

/** How many times as many steps for a character a text of `to` needs as one of `from`, on the worst texts that are found. */
function growth({ source, flags }: Expression, from: number, to: number): Array<{ attack: string; times: number }> {
  const compiled = compile(source, flags);
  return worstAttacks(compiled).map((attack) => {
    const few = search(compiled, attackText(attack, from), MOST * from).steps / from;
    if (few >= MOST) return { attack: JSON.stringify(attack), times: Number.POSITIVE_INFINITY };
    // What is found to be too many need not be counted to its end.
    const many = search(compiled, attackText(attack, to), 3 * few * to).steps / to;
    return { attack: JSON.stringify(attack), times: many / few };
  });
}

type Expression = Pick<SourceRegex, 'source' | 'flags'>;

/** The same expression is examined once. */
const different = [...new Map(literals.map((one) => [`/${one.source}/${one.flags}`, one])).values()];
/** Counting steps takes seconds of a processor, which other test files want too: a test ends by what it counts. */
const TIMEOUT_MS = 120_000;
/** Without a repetition a start costs a few steps, whatever follows it. */
const repeating = different.filter(({ source, flags }) => !isShort(compile(source, flags)));

it.each(repeating)(
  'finding S1: $where is linear in a megabyte of the worst: /$source/$flags',
  { timeout: TIMEOUT_MS },
  (expression) => {
    for (const { attack, times } of growth(expression, 16 * KB, 1024 * KB)) expect(times, attack).toBeLessThan(1.2);
  },
);

it('finding S1: no regular expression of src is made at run time, where nothing could examine it', () => {
  // What an operator types for `--grep` runs in that operator's own command, over lines of limited length.
  expect(made.filter((one) => !one.startsWith('src/core/logs/wanted-log.ts:'))).toEqual([]);
});

it.each([
  ['the one that redacted the log', '\\b([a-z][a-z0-9+.-]*:\\/\\/[^\\s:/@]*):\\S+@', 'gi'],
  ['the one that read durations', '^\\s*(\\d{1,15}(?:\\.\\d{1,9})?)\\s*(ms|s|m|h|d)?\\s*$', ''],
  ['spaces at the end', '\\s+$', ''],
  ['two of the same', '^a*a*b', ''],
  ['one within the other', '^(a{1,20}b?)+c', ''],
])('an expression that is not linear is found: %s', (_, source, flags) => {
  expect(Math.max(...growth({ source, flags }, 64, KB).map(({ times }) => times))).toBeGreaterThan(2);
});

it('steps are counted of the matches that the real engine finds', { timeout: TIMEOUT_MS }, () => {
  const random = new Random(7);
  const words = [
    '30s',
    '1.5 m',
    '2026-01-02',
    'T03:04:05.5+0800',
    '\r\n',
    '[::1]',
    'Ver 8.0',
    "'a','b''c'",
    '$' + '{HOME}',
    'yes',
  ];
  const more = [
    '\u001b[31m',
    '0::/a\noom_kill 3\n',
    'a.csv',
    'ERROR',
    ' COMMENT ',
    '0001_x.js',
    'password',
    '\u2028\ufeff\ud800',
  ];
  const letters = [...'aAz09 _-.:/@$\\"\'=[];\té{}ZT+'];
  for (const { where, source, flags } of different) {
    const compiled = compile(source, flags);
    for (let round = 0; round < 40; round += 1) {
      const parts = Array.from({ length: random.int(0, 12) }, () => random.pick(letters));
      const text = [random.chance(0.5) ? random.pick([...words, ...more]) : '', ...parts].join('');
      const real = [...text.matchAll(new RegExp(source, `${flags.replace('g', '')}g`))];
      const places = real.map((match) => [match.index, match.index + match[0].length]);
      expect(search(compiled, text).matches, `${where} on ${JSON.stringify(text)}`).toEqual(places);
    }
  }
});
