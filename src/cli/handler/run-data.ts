import { readSmallFile } from '../../core/config/small-file.ts';
import { AfdError } from '../../core/domain/errors.ts';
import { parseJsonObject } from '../flags/flags.ts';

/** Bytes of task_data. */
const MOST_BYTES = 1024 * 1024;

/** `--data` of `afd run`: JSON, `@file`, or `-` for standard input. @throws AfdError E_USAGE, E_NOT_FOUND */
export async function runData(given: string | undefined): Promise<Record<string, unknown> | null> {
  if (given === undefined) return null;
  const file = given.startsWith('@') ? given.slice(1) : undefined;
  const from = given === '-' ? 'standard input' : file;
  const text = given === '-' ? await readInput() : file === undefined ? given : await readData(file);
  try {
    return parseJsonObject(text);
  } catch (error) {
    throw new AfdError('E_USAGE', `--data${from === undefined ? '' : ` (${from})`}: ${(error as Error).message}.`, {
      suggestions: ['afd run --help'],
      cause: error,
    });
  }
}

async function readData(file: string): Promise<string> {
  try {
    return (await readSmallFile(file)).text;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing
      ? new AfdError('E_NOT_FOUND', `There is no file "${file}".`, { suggestions: ['afd run --help'], cause: error })
      : new AfdError('E_USAGE', `"${file}" cannot be read: ${(error as Error).message}.`, {
          suggestions: ['afd run --help'],
          cause: error,
        });
  }
}

async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes <= MOST_BYTES) continue;
    throw new AfdError('E_USAGE', `Standard input has more than ${MOST_BYTES} bytes, the maximum of task_data.`, {
      suggestions: ['afd run --help'],
    });
  }
  return Buffer.concat(parts).toString('utf8');
}

export function refuseWatchJson(): AfdError {
  const message = '--watch runs the handler several times, and --json prints one JSON value: use one of the two.';
  return new AfdError('E_USAGE', message, { suggestions: ['afd run --help'] });
}
