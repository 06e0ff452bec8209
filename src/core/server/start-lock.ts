import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { AfdError } from '../domain/errors.ts';
import { orAbsent } from './absent.ts';
import { commandLine, type Host } from './host.ts';

const WAIT_MS = 180_000;
const POLL_MS = 50;

/**
 * One process at a time; the others wait. The lock of a process that died is taken over. Two takers of a dead lock are
 * distinguished by what they moved away; were both to pass, the server's own lock on its datadir decides.
 * @throws AfdError E_TEMPORARY when another process holds it for three minutes; the error of the system when `file` cannot
 * be read or moved
 */
export async function withStartLock<T>(file: string, host: Host, work: () => Promise<T>): Promise<T> {
  const mine = `${host.pid} ${randomBytes(8).toString('hex')}`;
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  // Linked into place, so that no process ever reads an empty lock.
  await writeFile(draft, mine, { mode: 0o600, flag: 'wx' });
  try {
    for (let waited = 0; !(await tryLink(draft, file)); waited += POLL_MS) {
      const seen = (await orAbsent(readFile(file, 'utf8'))) ?? '';
      if (seen !== '' && (await commandLine(Number.parseInt(seen, 10))) === undefined) {
        await removeDead(file, seen);
        continue;
      }
      if (waited >= WAIT_MS) {
        throw new AfdError(
          'E_TEMPORARY',
          `Another process (pid ${seen.split(' ')[0]}) has been starting this server for three minutes.`,
          {
            suggestions: ['afd db status'],
          },
        );
      }
      await pause(POLL_MS);
    }
  } finally {
    await rm(draft, { force: true });
  }
  try {
    return await work();
  } finally {
    // One that cannot be read is left there: the next start takes it over when this process has ended.
    if ((await readFile(file, 'utf8').catch(() => '')) === mine) await rm(file, { force: true });
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function removeDead(file: string, seen: string): Promise<void> {
  const aside = `${file}.${randomBytes(4).toString('hex')}`;
  // Absent: another process has moved it away.
  if ((await orAbsent(rename(file, aside).then(() => true))) === undefined) return;
  if ((await readFile(aside, 'utf8')) !== seen) await tryLink(aside, file);
  await rm(aside, { force: true });
}
