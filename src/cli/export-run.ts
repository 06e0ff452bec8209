// Where `afd tasks export` writes, and what it shows meanwhile.
import { extname } from 'node:path';
import type { Context } from '../core/context/context.ts';
import { AfdError } from '../core/domain/errors.ts';
import { openExportFile } from '../core/export/export-file.ts';
import type { ExportFormat } from '../core/export/export-rows.ts';
import { type ExportEnd, type ExportOptions, exportTasks, lostTasks } from '../core/export/export-tasks.ts';
import { reportsItself } from './output.ts';
import { withProgress } from './progress.ts';
import { exportProgress } from './render/export.ts';

export interface ExportRequest {
  filter: ExportOptions['filter'];
  format: ExportFormat;
  /** Undefined = stdout. */
  file: string | undefined;
  json: boolean;
  stop: AbortSignal;
  onReplica?(where: string, delayS: number): void;
}

const ENDINGS: Record<string, ExportFormat> = { '.csv': 'csv', '.jsonl': 'jsonl', '.ndjson': 'jsonl' };

/** @throws AfdError E_USAGE: the name of the file does not say it */
export function formatOf(given: ExportFormat | undefined, file: string | undefined): ExportFormat {
  const known = given ?? (file === undefined ? 'csv' : ENDINGS[extname(file).toLowerCase()]);
  if (known !== undefined) return known;
  throw new AfdError('E_USAGE', `The name "${file}" does not say which format is wanted: add --format csv or jsonl.`, {
    suggestions: ['afd tasks export --help'],
  });
}

export function refuseJsonOnStdout(): AfdError {
  const message = 'With --json standard output holds the result of the command: name a file with --output.';
  return new AfdError('E_USAGE', message, { suggestions: ['afd tasks export --help'] });
}

/** @throws those of exportTasks and openExportFile */
export async function exportWithProgress(context: Context, request: ExportRequest): Promise<ExportEnd> {
  const { file, json, stop } = request;
  // A moving line would run through the rows.
  const quiet = json || (file === undefined && process.stdout.isTTY === true);
  const title = `Exporting tasks${file === undefined ? '' : ` to ${file}`}`;
  return withProgress(title, { quiet }, ({ show }) => {
    const onProgress: ExportOptions['onProgress'] = (soFar) => show(exportProgress(soFar));
    return file === undefined
      ? exportTasks(context, { ...request, onProgress, terminal: process.stdout.isTTY === true, write: toStdout(stop) })
      : toFile(context, { ...request, onProgress, terminal: false }, file);
  });
}

async function toFile(context: Context, options: Omit<ExportOptions, 'write'>, name: string): Promise<ExportEnd> {
  const file = await openExportFile(name, 'afd tasks export');
  try {
    const end = await exportTasks(context, { ...options, write: (text) => file.write(text).then(() => true) });
    if (!end.complete) {
      await file.discard();
      return end;
    }
    await file.finish().catch((error: unknown) => {
      throw lostTasks(end.tasks, error);
    });
    return end;
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** Waits until the text is out. A reader that left (`| head`) has what it wanted; one that stands still keeps no stop. */
export function toStdout(stop: AbortSignal): ExportOptions['write'] {
  return (text) =>
    new Promise((resolve, reject) => {
      const stopped = () => resolve(false);
      stop.addEventListener('abort', stopped, { once: true });
      process.stdout.write(text, (error) => {
        stop.removeEventListener('abort', stopped);
        if (error === undefined || error === null) return resolve(true);
        if ((error as NodeJS.ErrnoException).code === 'EPIPE') return resolve(false);
        reportsItself(error);
        reject(error);
      });
    });
}
