import { expect, it } from 'vitest';
import { typedCommand, typedImport } from '../../../src/cli/typed.ts';

it('is the command as it was typed, quoted for a shell, without --json and what is to be left out', () => {
  const argv = ['my file.csv', '--json', '--from-line', '7', '--type', "it's", '--from-line=9', '-c', './afd.yaml'];
  expect(typedCommand('afd tasks import', argv, ['--from-line'])).toBe(
    "afd tasks import 'my file.csv' --type 'it'\\''s' -c ./afd.yaml",
  );
});

it('of an import also reads the file from a pipe', () => {
  expect(typedImport(['a b.csv', '--type', 't'], 'a b.csv')).toEqual({
    again: "afd tasks import 'a b.csv' --type t",
    piped: { command: 'afd tasks import - --type t', file: " 'a b.csv'" },
  });
  expect(typedImport(['-'], '-').piped).toEqual({ command: 'afd tasks import -', file: '' });
});
