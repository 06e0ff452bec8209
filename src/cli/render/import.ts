import type { ImportResult } from '../../core/import/import-tasks.ts';

/** How far it is, of an input of `size` bytes (undefined = not known) of which `read` are read. */
export function importProgress({ added, existing, lines }: ImportResult, read = 0, size?: number): string {
  const share = size ? `  ${Math.min(100, Math.floor((read / size) * 100))} %` : '';
  return `${tasks(added + existing)}, line ${number(lines)}${share}`;
}

export function renderImport(
  { added, existing, bad, lines, complete }: ImportResult,
  { dryRun, again }: { dryRun: boolean; again: string },
): string {
  const sentences = dryRun
    ? [`Read ${lines === 1 ? '1 line' : `${number(lines)} lines`} and added nothing.`]
    : [`Added ${tasks(added)}.`];
  if (existing > 0) sentences.push(`${tasks(existing)} ${existing === 1 ? 'was' : 'were'} there already.`);
  if (bad > 0) sentences.push(bad === 1 ? '1 row was bad.' : `${number(bad)} rows were bad.`);
  if (!complete) {
    const next = added + existing === 0 ? '' : ` To go on: ${again} --from-line ${lines + 1}`;
    sentences.push(`Stopped before the end; everything up to line ${number(lines)} is in.${next}`);
  }
  return sentences.join(' ');
}

function tasks(count: number): string {
  return `${number(count)} task${count === 1 ? '' : 's'}`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
