// Where the keys of the fleet come from on this machine.
import { execFile } from 'node:child_process';
import type { Stats } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../config/config-schema.ts';
import { readSmallFile } from '../config/small-file.ts';
import { AfdError } from '../domain/errors.ts';
import { type FleetKey, parseKeys } from './fleet-key.ts';

export interface KeySettings {
  config: Pick<Config, 'secrets'>;
  /** Folder of the configuration file. */
  baseDir: string;
  /** Where systemd puts the credentials of this unit (`$CREDENTIALS_DIRECTORY`). */
  credentials?: string | undefined;
  /** Of this process; undefined where there are no user ids. */
  uid?: number | undefined;
}

const OTHERS = 0o077;
const COMMAND = { timeout: 10_000, maxBuffer: 1024 * 1024, windowsHide: true } as const;

/** Undefined = this machine has no key. @throws AfdError E_CONFIG: it has one that cannot be used */
export async function readKeys(settings: KeySettings): Promise<FleetKey[] | undefined> {
  const { key_file, key_credential, key_command } = settings.config.secrets;
  if (key_file !== undefined) return ofFile(resolve(settings.baseDir, key_file), settings.uid);
  if (key_credential !== undefined) return ofCredential(key_credential, settings.credentials);
  if (key_command !== undefined) return ofCommand(key_command, settings.baseDir);
  return undefined;
}

async function ofFile(path: string, uid: number | undefined): Promise<FleetKey[]> {
  return named('secrets.key_file', path, async () => {
    const { text, facts } = await readSmallFile(path);
    const why = refusal(path, facts, uid);
    if (why !== undefined) throw new Error(why);
    return text;
  });
}

/** Why the file must not be used; undefined = nobody else can read or change it. */
export function refusal(path: string, facts: Stats, uid: number | undefined): string | undefined {
  if (!facts.isFile()) return undefined;
  if ((facts.mode & OTHERS) !== 0) return `other users can read or change it: run chmod 600 ${path}`;
  if (uid !== undefined && facts.uid !== uid && facts.uid !== 0)
    return `it belongs to another user (uid ${facts.uid}): run chown ${uid} ${path}`;
  return undefined;
}

async function ofCredential(name: string, folder: string | undefined): Promise<FleetKey[]> {
  return named('secrets.key_credential', name, async () => {
    if (folder === undefined) throw new Error('systemd passed no credentials: $CREDENTIALS_DIRECTORY is not set');
    return (await readSmallFile(join(folder, name))).text;
  });
}

/** argv without a shell. What it prints on stderr is not repeated: it may be about the key. */
async function ofCommand(command: string[], cwd: string): Promise<FleetKey[]> {
  const [program = '', ...words] = command;
  return named('secrets.key_command', program, async () => {
    try {
      return (await promisify(execFile)(program, words, { ...COMMAND, cwd, shell: false })).stdout;
    } catch (error) {
      const { code, killed } = error as { code?: unknown; killed?: boolean };
      if (killed === true) throw new Error(`it did not end within ${COMMAND.timeout / 1000} s`);
      throw new Error(typeof code === 'number' ? `it ended with exit code ${code}` : `it cannot be run (${code})`);
    }
  });
}

async function named(key: string, source: string, read: () => Promise<string>): Promise<FleetKey[]> {
  try {
    return parseKeys(await read());
  } catch (error) {
    const why = (error as Error).message;
    throw new AfdError('E_CONFIG', `The key of secrets cannot be read from ${source} (${key}): ${why}.`, {
      suggestions: ['afd config show', 'afd secrets key --help'],
      data: { key },
      cause: error,
    });
  }
}
