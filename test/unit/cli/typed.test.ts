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
    intoBatch: { command: "afd tasks import 'a b.csv' --type t", seal: ' --seal' },
    piped: { command: 'afd tasks import - --type t', file: " 'a b.csv'" },
  });
  expect(typedImport(['-'], '-').piped).toEqual({ command: 'afd tasks import -', file: '' });
});

it('of an import into a batch can go on in the batch that it has made, and seals it as it would have', () => {
  const on = (...argv: string[]) => typedImport(['a.csv', ...argv], 'a.csv').intoBatch;
  expect(on('--batch', 'b')).toEqual({ command: 'afd tasks import a.csv', seal: ' --seal' });
  expect(on('--batch=b', '--open')).toEqual({ command: 'afd tasks import a.csv', seal: '' });
  expect(on('--batch-id', '5')).toEqual({ command: 'afd tasks import a.csv', seal: '' });
  expect(on('--batch-id=5', '--seal')).toEqual({ command: 'afd tasks import a.csv', seal: ' --seal' });
});
