import type { ImportResult } from '../../core/import/import-tasks.ts';

/** One line on a terminal that is written over and over; nothing where nobody looks. */
export class ImportProgress {
  readonly #terminal: NodeJS.WriteStream;
  readonly #input: { stream: { bytesRead?: number }; size: number | undefined };
  readonly #on: boolean;
  #shown = false;

  constructor(
    terminal: NodeJS.WriteStream,
    input: { stream: { bytesRead?: number }; size: number | undefined; quiet: boolean },
  ) {
    this.#terminal = terminal;
    this.#input = input;
    this.#on = terminal.isTTY === true && process.env.TERM !== 'dumb' && !input.quiet;
  }

  show(result: ImportResult): void {
    if (!this.#on) return;
    const { stream, size } = this.#input;
    const share = size ? `  ${Math.min(100, Math.floor(((stream.bytesRead ?? 0) / size) * 100))} %` : '';
    this.#terminal.write(
      `\r\u001b[K${number(result.added + result.existing)} tasks, line ${number(result.lines)}${share}`,
    );
    this.#shown = true;
  }

  /** Takes the line away, so that what follows stands alone. */
  clear(): void {
    if (this.#shown) this.#terminal.write('\r\u001b[K');
    this.#shown = false;
  }
}

export function renderImport(
  { added, existing, bad, lines, complete }: ImportResult,
  { dryRun, file }: { dryRun: boolean; file: string },
): string {
  const sentences = dryRun ? [`Read ${number(lines)} lines and added nothing.`] : [`Added ${tasks(added)}.`];
  if (existing > 0) sentences.push(`${tasks(existing)} were there already.`);
  if (bad > 0) sentences.push(`${number(bad)} rows were bad.`);
  if (!complete) {
    const next = added + existing === 0 ? '' : ` To go on: afd tasks import ${file} --from-line ${lines + 1}`;
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
