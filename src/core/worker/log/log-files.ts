import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../../domain/run-log/log-line.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';

export interface LogFilesOptions {
  /** Absolute; made when the first line is written. */
  folder: string;
  /** Bytes of one file. */
  most: number;
  warn(message: string): void;
}

/**
 * Writes the lines of run logs into files on the device too, `<task_id>-<attempt>.log`, each up to its limit. A file that cannot
 * be written costs its lines and one warning.
 */
export class LogFiles {
  readonly #options: LogFilesOptions;
  /** One write after the other. */
  #last: Promise<unknown>;
  #trouble: string | undefined;

  constructor(options: LogFilesOptions) {
    this.#options = options;
    this.#last = mkdir(options.folder, { recursive: true, mode: 0o700 }).catch((error: unknown) => this.#tell(error));
  }

  /** Appends to the file of an attempt that has `written` bytes; returns how many it has then. */
  append({ task_id, attempt }: { task_id: number; attempt: number }, lines: LogLine[], written: number): number {
    const { folder, most } = this.#options;
    if (written >= most) return written;
    let text = lines.map((one) => `${new Date(one.at).toISOString()} ${one.source} ${one.text}\n`).join('');
    const bytes = Buffer.byteLength(text);
    if (written + bytes > most) text += 'This file is full; afd logs shows the rest.\n';
    const file = join(folder, `${task_id}-${attempt}.log`);
    this.#last = this.#last
      .then(() => appendFile(file, text, { mode: 0o600 }))
      .catch((error: unknown) => this.#tell(error));
    return written + bytes;
  }

  /** Resolves when all that was appended is written or refused. */
  async close(): Promise<void> {
    await this.#last;
  }

  #tell(error: unknown): void {
    const why = thrownText(error);
    if (this.#trouble === why) return;
    this.#trouble = why;
    this.#options.warn(`the files of run logs cannot be written; the database has the lines: ${why}`);
  }
}
