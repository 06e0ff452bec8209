// A file that appears as a whole or not at all: it is written under a temporary name in the same folder, and renamed at the
// end. What is no regular file (a pipe, /dev/full) is written as it is.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AfdError } from '../domain/errors.ts';

export interface ExportFile {
  /** @throws the error of the operating system */
  write(text: string): Promise<void>;
  /** It is complete: from now on it has its name. @throws the error of the operating system */
  finish(): Promise<void>;
  /** Removes what was written. Never rejects. */
  discard(): Promise<void>;
}

/** `command`: that writes it, for its help. @throws AfdError E_NOT_FOUND: no such folder; E_USAGE: it cannot be written */
export async function openExportFile(path: string, command: string): Promise<ExportFile> {
  try {
    // A link stays a link.
    const target = await realpath(path).catch(() => path);
    const facts = await stat(target).catch(() => undefined);
    if (facts?.isDirectory() === true)
      throw new AfdError('E_USAGE', `"${path}" is a directory, not a file.`, { suggestions: [`${command} --help`] });
    if (facts !== undefined && !facts.isFile()) return new Direct(await open(target, constants.O_WRONLY));
    const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.tmp`);
    const file = await open(temporary, 'wx');
    if (facts !== undefined) await file.chmod(facts.mode);
    return new Renamed(file, temporary, target);
  } catch (error) {
    if (error instanceof AfdError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new AfdError(
      missing ? 'E_NOT_FOUND' : 'E_USAGE',
      missing ? `There is no folder "${dirname(path)}".` : `"${path}" cannot be written: ${(error as Error).message}.`,
      { suggestions: [`${command} --help`], cause: error },
    );
  }
}

/** The output cannot be written: the disk is full, or the like. `done`: what was written, such as "5 tasks". */
export function lostOutput(command: string, done: string, data: Record<string, unknown>, cause: unknown): AfdError {
  const message = `The export stopped after ${done}, because the output cannot be written: ${(cause as Error).message}.`;
  return new AfdError('E_FAILED', message, { suggestions: [`${command} --help`], data, cause });
}

class Direct implements ExportFile {
  protected readonly file: FileHandle;

  constructor(file: FileHandle) {
    this.file = file;
  }

  async write(text: string): Promise<void> {
    await this.file.writeFile(text);
  }

  async finish(): Promise<void> {
    await this.file.close();
  }

  async discard(): Promise<void> {
    await this.file.close().catch(() => {});
  }
}

class Renamed extends Direct {
  readonly #temporary: string;
  readonly #target: string;

  constructor(file: FileHandle, temporary: string, target: string) {
    super(file);
    this.#temporary = temporary;
    this.#target = target;
  }

  override async finish(): Promise<void> {
    // Some file systems say only now that the disk is full.
    await this.file.sync();
    await this.file.close();
    await rename(this.#temporary, this.#target);
  }

  override async discard(): Promise<void> {
    await super.discard();
    await rm(this.#temporary, { force: true }).catch(() => {});
  }
}
