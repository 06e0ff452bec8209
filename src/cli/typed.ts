// Rebuilds the command that was typed, to suggest it again.
import type { TypedImport } from '../core/import/stopped-import.ts';

/** Safe in a shell without quotes. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * `afd tasks import 'my file.csv' --type a` of what was typed, without --json and these flags that take a value
 * (`--from-line N`, `--from-line=N`), and without these words.
 */
export function typedCommand(
  command: string,
  argv: string[],
  withoutFlags: string[] = [],
  withoutWords: string[] = [],
): string {
  const words: string[] = [];
  for (let n = 0; n < argv.length; n += 1) {
    const word = argv[n]!;
    if (withoutFlags.includes(word)) n += 1;
    else if (
      word !== '--json' &&
      !withoutWords.includes(word) &&
      !withoutFlags.some((flag) => word.startsWith(`${flag}=`))
    )
      words.push(shellWord(word));
  }
  return [command, ...words].join(' ');
}

/** The commands that `afd tasks import` suggests when it ends early. */
export function typedImport(argv: string[], file: string): TypedImport {
  const command = (words: string[]) => typedCommand('afd tasks import', words, ['--from-line']);
  const piped = command(argv.map((word) => (word === file ? '-' : word)));
  const own = ['--from-line', '--batch', '--batch-id'];
  const intoBatch = typedCommand('afd tasks import', argv, own, ['--open', '--seal']);
  // A batch that the import made is sealed at its end, unless it was to stay open.
  const seals = argv.includes('--seal') || !argv.some((word) => word === '--open' || word.startsWith('--batch-id'));
  return {
    again: command(argv),
    intoBatch: { command: intoBatch, seal: seals ? ' --seal' : '' },
    piped: { command: piped, file: file === '-' ? '' : ` ${shellWord(file)}` },
  };
}

function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
