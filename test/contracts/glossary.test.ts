// docs/reference/glossary.md against src: each of its words occurs there, and none of the words that it has replaced.
import { describe, expect, it } from 'vitest';
import { projectFiles, readProjectFile } from './project-files.ts';

interface Entry {
  /** The words that the entry explains. */
  heads: string[];
  /** Old words for it, which no longer occur. */
  not: string[];
  /** Words that are right elsewhere. */
  avoid: string[];
}

/** A "Not" word that stays in some lines: the word, what `path: line` contains there, and why. */
const ALLOWED: ReadonlyArray<readonly [word: string, where: RegExp, why: string]> = [
  ['page', /^src\/core\/(db\/attempts|leader)\/.*page/i, 'rows that are read in parts, by id'],
  [
    'page',
    /crawled page|a page (within|or)|page or two|errors\.md|page is split|the new page/,
    'a web page, a page of docs, of an index',
  ],
  [
    'mark',
    /mark(Begun|DeviceDead|Due)|mark-(begun|device-dead)|Marks what is due/,
    'the verb, with what the row or lane is from then on',
  ],
  ['mark', /^src\/core\/db\/migrate\/adoption\/.*MARK/, 'the column by which an adopted table is known'],
  ['mark', /highWaterMark|direction marks/, 'words of Node and of Unicode'],
  ['probe', /^src\/core\/node\/.*probe/i, 'reads the load of the machine, as monitoring calls it'],
  ['hop', /^src\/core\/(ring|worker)\/.*hop/i, 'the hop count of forwarding'],
  [
    'settle',
    /^src\/core\/(node|runtime|handlers|ring|benchmark|db\/(migrate|server-pulse|open-calls)|worker\/run)\b/,
    'a promise settles',
  ],
  ['pair', /generateKeyPair/, 'a word of Node'],
  ['chain', /NO_CHAIN/, 'a value of the server variable completion_type'],
];

/** "Avoid" words that occur, each with what it means then. Any other does not occur at all. */
const ELSEWHERE: Record<string, string> = {
  agent: '`userAgent` of oclif',
  host: 'the machine of a server, in addresses; the files and processes of this machine (`Host`)',
  runner: 'the part of a worker that runs handlers',
  item: 'one element of a YAML or JSON list',
  message: 'the text of an error or of a log line; what threads send to each other',
  queue: 'a list of what is to be sent, in memory',
  ping: 'a question to a connection or a thread whether it answers',
  transfer: '`transferList` of Node',
  reap: 'to take the exit code of an ended process',
  allowed: 'what a rule or a right permits',
  matched: 'rows or texts that a filter or a pattern fits',
  nonce: 'in OpenID Connect, what binds an ID token to one sign-in',
  primary: 'the primary key of a table; the primary server of a group',
};

function entriesOf(page: string): Entry[] {
  return page.split('\n\n').flatMap((paragraph) => {
    const text = paragraph.replace(/\s+/g, ' ');
    const [, head] = /^\*\*(.+?)\*\*/.exec(text) ?? [];
    if (head === undefined) return [];
    const list = (label: string) => new RegExp(`\\b${label}: ([^.]+)\\.`).exec(text)?.[1]?.split(', ') ?? [];
    const heads = head.split(', ').map((one) => one.replace(/^Of an? | \(.*/g, ''));
    return [{ heads, not: list('Not'), avoid: list('Avoid') }];
  });
}

/** The words of a text in lower case; names are taken apart: `claimToken`, `claim_token`, `claim-token`. */
function wordsOf(text: string): string[] {
  const apart = text.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2');
  return apart.toLowerCase().match(/[a-z]+/g) ?? [];
}

interface Source {
  path: string;
  lines: string[];
  words: string[];
  /** Index of the line of each word. */
  at: number[];
}

function sourceOf(path: string, text: string): Source {
  const lines = text.split('\n');
  const each = lines.map(wordsOf);
  return { path, lines, words: each.flat(), at: each.flatMap((words, line) => words.map(() => line)) };
}

/** Where a word or a phrase occurs, also in the plural: `path: line`. */
function placesOf(phrase: string, { path, lines, words, at }: Source): string[] {
  const wanted = wordsOf(phrase);
  const last = wanted.pop()!;
  const plural = `${last}s`;
  const found: string[] = [];
  for (let n = wanted.length; n < words.length; n += 1) {
    if (words[n] !== last && words[n] !== plural) continue;
    const begin = n - wanted.length;
    if (wanted.every((one, k) => words[begin + k] === one)) found.push(`${path}: ${lines[at[begin]!]!.trim()}`);
  }
  return found;
}

const entries = entriesOf(readProjectFile('docs/reference/glossary.md') ?? '');
const sources = projectFiles()
  .filter((path) => /^src\/.*\.ts$/.test(path))
  .map((path) => sourceOf(path, readProjectFile(path) ?? ''));
const inSrc = (phrase: string) => sources.flatMap((source) => placesOf(phrase, source));

describe('the glossary', () => {
  it('explains words that src uses', () => {
    const heads = entries.flatMap((one) => one.heads);
    expect(heads.length).toBeGreaterThan(60);
    expect(heads.filter((head) => inSrc(head).length === 0)).toEqual([]);
  });

  it('has replaced its "Not" words', () => {
    const words = entries.flatMap((one) => one.not);
    expect(words.length).toBeGreaterThan(30);
    const found = words.flatMap((word) =>
      inSrc(word)
        .filter((place) => !ALLOWED.some(([one, where]) => one === word && where.test(place)))
        .map((place) => `${word}: ${place}`),
    );
    expect(found).toEqual([]);
  });

  it('advises against words that occur only with another meaning', () => {
    const words = entries.flatMap((one) => one.avoid);
    expect(words.length).toBeGreaterThan(15);
    expect(words.filter((word) => !(word in ELSEWHERE)).flatMap(inSrc)).toEqual([]);
    expect(Object.keys(ELSEWHERE).filter((word) => !words.includes(word))).toEqual([]);
  });

  it('has no exception that nothing needs', () => {
    const idle = ALLOWED.filter(([word, where]) => !inSrc(word).some((place) => where.test(place)));
    expect(idle).toEqual([]);
    expect(Object.keys(ELSEWHERE).filter((word) => inSrc(word).length === 0)).toEqual([]);
  });

  it('is read entry by entry, and names are compared word by word', () => {
    const page =
      '## Things\n\n**Lane and rank** (of a\nlane): x. Not: lane book,\npair.\n\n**Of a task**: y. Avoid: job.';
    expect(entriesOf(page)).toEqual([
      { heads: ['Lane and rank'], not: ['lane book', 'pair'], avoid: [] },
      { heads: ['task'], not: [], avoid: ['job'] },
    ]);
    const source = sourceOf('a.ts', '// the lane\n// book of\nconst laneBooks = LANE_BOOK;\nrepair(IPAddress);');
    expect(placesOf('lane book', source)).toEqual([
      'a.ts: // the lane',
      'a.ts: const laneBooks = LANE_BOOK;',
      'a.ts: const laneBooks = LANE_BOOK;',
    ]);
    expect([placesOf('pair', source), placesOf('address', source).length]).toEqual([[], 1]);
  });
});
