// What `afd tasks import` reads, and what it shows while it reads.
import type { Context } from '../core/context/context.ts';
import type { ImportInput, ImportOptions, ImportResult } from '../core/import/import-tasks.ts';
import { parseWhen } from './flags/flags.ts';
import { withProgress } from './progress.ts';
import { importProgress } from './render/import.ts';

interface Input extends ImportInput {
  stream: ImportInput['stream'] & { bytesRead?: number };
  /** Bytes; undefined = of a pipe. */
  size: number | undefined;
  /** Show no progress: a program reads the output, or the rows are typed on this terminal. */
  quiet: boolean;
}

/** A file, or `-` for standard input. @throws AfdError E_NOT_FOUND, E_USAGE */
export async function importInput(name: string, quiet: boolean): Promise<Input> {
  if (name === '-') {
    return { stream: process.stdin, name, size: undefined, quiet: quiet || process.stdin.isTTY === true };
  }
  const { openImportFile } = await import('../core/import/import-file.ts');
  return { ...(await openImportFile(name)), name, quiet };
}

/** @throws those of importTasks */
export async function importWithProgress(
  context: Context,
  input: Input,
  options: Omit<ImportOptions, 'onProgress' | 'parseWhen'>,
): Promise<ImportResult> {
  const { importTasks } = await import('../core/import/import-tasks.ts');
  const { stream, name, size, quiet } = input;
  return withProgress(`Importing ${name === '-' ? 'standard input' : name}`, { quiet }, ({ show }) =>
    importTasks(context, input, {
      ...options,
      parseWhen: (text) => parseWhen(text, 'ahead'),
      onProgress: (soFar) => show(importProgress(soFar, stream.bytesRead, size)),
    }),
  );
}
