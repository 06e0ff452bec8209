import type { ImportResult } from '../../core/import/import-tasks.ts';
import { commandFor, type TypedImport } from '../../core/import/stopped-import.ts';

/** How far it is, of an input of `size` bytes (undefined = not known) of which `read` are read. */
export function importProgress({ added, existing, lines }: ImportResult, read = 0, size?: number): string {
  const share = size ? `  ${Math.min(100, Math.floor((read / size) * 100))} %` : '';
  return `${tasks(added + existing)}, line ${number(lines)}${share}`;
}

export function renderImport(result: ImportResult, { dryRun, typed }: { dryRun: boolean; typed: TypedImport }): string {
  const { added, existing, bad, lines, complete, batch_id } = result;
  const sentences = dryRun
    ? [`Read ${lines === 1 ? '1 line' : `${number(lines)} lines`} without adding tasks (dry run).`]
    : [`Added ${tasks(added)}.`];
  if (existing > 0) sentences.push(`${tasks(existing)} already existed.`);
  if (bad > 0) sentences.push(bad === 1 ? '1 row was invalid.' : `${number(bad)} rows were invalid.`);
  if (batch_id !== null) sentences.push(`Batch ${batch_id}.`);
  if (!complete) {
    const next = added + existing === 0 ? '' : ` To continue: ${commandFor(typed, result)} --from-line ${lines + 1}`;
    sentences.push(`Stopped before the end of the input; all rows up to line ${number(lines)} were processed.${next}`);
  }
  return sentences.join(' ');
}

function tasks(count: number): string {
  return `${number(count)} task${count === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

/** What is wrong or odd, a line each. */
export function importNotes({ problems, warnings }: ImportResult): string[] {
  return [...problems.map(({ line, problem }) => `line ${line}: ${problem}`), ...warnings];
}
