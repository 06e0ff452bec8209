import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/core/config/config-schema.ts';
import { projectFiles, ROOT, readProjectFile } from './project-files.ts';

/** One call of afd as a page shows it: the words after "afd", flags apart. */
interface Call {
  words: string[];
  flags: string[];
}

function fences(page: string, language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , text]) => text ?? '');
}

function readCall(text: string): Call {
  const tokens = text
    .replace(/'[^']*'/g, 'VALUE')
    .replace(/#.*/, '')
    .trim()
    .split(/\s+/)
    .slice(1);
  return {
    words: tokens.filter((token) => /^[a-z][a-z-]*$/.test(token)),
    flags: tokens.filter((token) => token.startsWith('--')).map((token) => token.slice(2)),
  };
}

/** Calls in shell, cron and unit snippets, and in the running text. */
function callsOf(page: string): Call[] {
  const snippets = ['sh', 'cron', 'ini'].flatMap((language) => fences(page, language)).join('\n');
  const shell = snippets
    .replace(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => line.match(/(?:^|[ /=])(afd [^#]*)/)?.[1] ?? []);
  const text = page.replace(/^```[\s\S]*?^```$/gm, '');
  const inline = [...text.matchAll(/`(afd [^`]+)`/g)].map(([, call]) => call ?? '');
  // "afd <command> --help" names no command.
  return [...shell, ...inline].filter((call) => !/^afd [<…]/.test(call)).map(readCall);
}

/** Rows of the table of commands: each call of the first cell with the flags that the second names. */
function tableCalls(page: string): Call[] {
  return page.split('\n').flatMap((line) => {
    const [first = '', second = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    if (!first.startsWith('`afd ')) return [];
    const flags = [...second.matchAll(/`--([a-z-]+)/g)].map(([, flag]) => flag ?? '');
    let topic: string[] = [];
    return [...first.matchAll(/`([^`]+)`/g)].map(([, text = '']) => {
      const call = text.startsWith('afd ') ? readCall(text) : { words: [...topic, text], flags: [] };
      topic = call.words.slice(0, -1);
      return { words: call.words, flags: [...call.flags, ...flags] };
    });
  });
}

interface CommandFile {
  id: string;
  flags: string[];
  hidden: boolean;
}

async function readCommands(): Promise<CommandFile[]> {
  const files = projectFiles().filter((path) => path.startsWith('src/commands/') && path.endsWith('.ts'));
  const commands = await Promise.all(
    files.map(async (path) => {
      const { default: command } = await import(/* @vite-ignore */ new URL(path, ROOT).href);
      const id = path
        .slice('src/commands/'.length, -'.ts'.length)
        .replace(/\/index$/, '')
        .replaceAll('/', ' ');
      const declared = Object.entries<{ allowNo?: boolean }>({ ...command.baseFlags, ...command.flags });
      const flags = [
        ...declared.flatMap(([name, { allowNo }]) => (allowNo ? [name, `no-${name}`] : [name])),
        'json',
        'help',
      ];
      const aliases = ((command.aliases ?? []) as string[]).map((alias) => alias.replaceAll(':', ' '));
      // An alias may be typed; it is not another line of the table of commands.
      return [
        { id, flags, hidden: command.hidden === true },
        ...aliases.map((alias) => ({ id: alias, flags, hidden: true })),
      ];
    }),
  );
  return commands.flat();
}

/** Calls whose command or flag does not exist. */
function unknownCalls(calls: Call[], commands: CommandFile[]): string[] {
  return calls.flatMap(({ words, flags }) => {
    // Of the program itself: `afd --version`.
    if (words.length === 0 && flags.length === 1 && ['help', 'version'].includes(flags[0] ?? '')) return [];
    const known = commands
      .filter(({ id }) => `${words.join(' ')} `.startsWith(`${id} `))
      .sort((a, b) => b.id.length - a.id.length)[0];
    // A topic by itself, as in "the commands of `afd db`".
    const topic = words.length > 0 && commands.some(({ id }) => id.startsWith(`${words.join(' ')} `));
    if (known === undefined) return topic && flags.length === 0 ? [] : [`afd ${words.join(' ')}`];
    return flags.filter((flag) => !known.flags.includes(flag)).map((flag) => `afd ${known.id} --${flag}`);
  });
}

/** Every page that tells people what to type. */
const pages = projectFiles().filter((path) => path.endsWith('.md') && /^(README|docs\/|examples\/)/.test(path));
/** The two lists of all commands. */
const lists = ['docs/reference/commands.md', 'docs/reference/commands.zh-CN.md'];

describe('the pages that people type from', () => {
  it.each(pages)('H5 show only commands and flags that exist: %s', async (path) => {
    const page = readProjectFile(path) ?? '';
    expect(unknownCalls([...callsOf(page), ...tableCalls(page)], await readCommands())).toEqual([]);
  });

  it.each([['README.md', 7], ['README.zh-CN.md', 7], ...lists.map((path) => [path, 30] as const)] as const)(
    'H5 have their calls found: %s has more than %i',
    (path, least) => {
      const page = readProjectFile(path) ?? '';
      expect([...callsOf(page), ...tableCalls(page)].length).toBeGreaterThan(least);
    },
  );

  it.each(pages)('H5 show configurations that afd accepts: %s', (path) => {
    const samples = fences(readProjectFile(path) ?? '', 'yaml').filter((sample) => !sample.includes('services:'));
    for (const sample of samples) {
      const { DISTRIBUTION, ...top } = parse(sample);
      expect(configSchema.safeParse({ ...top, ...DISTRIBUTION }).error).toBeUndefined();
    }
  });

  it.each(lists)('list every command and no other: %s', async (path) => {
    const listed = tableCalls(readProjectFile(path) ?? '').map(({ words }) => words.join(' '));
    const visible = (await readCommands()).filter(({ hidden }) => !hidden).map(({ id }) => id);
    expect([...new Set(listed)].sort()).toEqual(visible.sort());
  });

  it('are read call by call, so that an unknown command or flag is seen', () => {
    const page =
      "```sh\nafd a b --x 1 \\\n  --y '--z' # afd c\n* /bin/afd a\n```\nSay `afd a --w`.\n| `afd a b`, `d` | with `--v N` |";
    expect([...callsOf(page), ...tableCalls(page)]).toEqual([
      { words: ['a', 'b'], flags: ['x', 'y'] },
      { words: ['a'], flags: [] },
      { words: ['a'], flags: ['w'] },
      { words: ['a', 'b'], flags: [] },
      { words: ['a', 'b'], flags: ['v'] },
      { words: ['a', 'd'], flags: ['v'] },
    ]);
    const commands = [
      { id: 'a', flags: ['x'], hidden: false },
      { id: 'a b', flags: ['x'], hidden: false },
      { id: 't u', flags: [], hidden: false },
    ];
    expect(
      unknownCalls(
        [
          { words: ['a', 'b'], flags: ['x', 'y'] },
          { words: ['c'], flags: [] },
          { words: ['t'], flags: [] },
          { words: ['t'], flags: ['x'] },
          { words: [], flags: ['version'] },
        ],
        commands,
      ),
    ).toEqual(['afd a b --y', 'afd c', 'afd t']);
  });
});
