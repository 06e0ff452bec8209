// The user as whom a handler runs (`handlers.<type>.user`): who that is, and whether this worker may start processes as them.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { AfdError } from '../../domain/errors.ts';
import { ownUser } from '../processes/own-process.ts';
import { findProgram } from './program.ts';

/** They have no supplementary groups: libuv drops those of the worker and adds none. */
export interface HandlerUser {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

/** What the kernel asks for to start a process as another user, to end it, and to use its files. By their bits. */
const NEEDED = { CAP_CHOWN: 0, CAP_DAC_OVERRIDE: 1, CAP_KILL: 5, CAP_SETGID: 6, CAP_SETUID: 7 };
/** To see which processes of another user belong to an attempt. */
const PTRACE = 19;

/**
 * `text`: a name, `uid` or `uid:gid`. `path`: where programs are looked up.
 * @throws AfdError E_CONFIG: there is no such user, or this worker may not start processes as them
 */
export async function handlerUser(type: string, text: string, path: string | undefined): Promise<HandlerUser> {
  const refuse = (why: string) => new AfdError('E_CONFIG', `handlers.${type}.user is ${text}, but ${why}.`);
  const [, digits, group] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  const entry = await entryOf(digits ?? text, path);
  const user = entry ?? (digits === undefined || group === undefined ? undefined : unnamed(Number(digits)));
  if (user === undefined)
    throw refuse(`there is no such user${digits === undefined ? '' : `; write uid:gid for one that has no name`}`);
  const own = ownUser();
  if (own !== 0)
    throw refuse(
      `this process runs as uid ${own ?? 'unknown'}, and only root may start handlers as another user. Start the worker as root, or remove "user" and start a worker as that user`,
    );
  const missing = await missingCapabilities();
  if (missing.length > 0) throw refuse(`this process lacks ${missing.join(', ')}, although it runs as root`);
  return { ...user, gid: group === undefined ? user.gid : Number(group) };
}

/** A sentence for an operator, where processes that leave their group cannot be told from others. */
export async function userWarning(type: string): Promise<string | undefined> {
  const bits = await capabilities();
  if (bits === undefined || hasBit(bits, PTRACE)) return undefined;
  return `handlers.${type}.user: this process lacks CAP_SYS_PTRACE, so what a command of another user starts outside its process group is not ended.`;
}

/** Why this user cannot use a file; undefined = they can. `how`: -r to read, -x to execute. */
export async function accessProblem(
  { name, uid, gid }: HandlerUser,
  how: '-r' | '-x',
  file: string,
  path: string | undefined,
): Promise<string | undefined> {
  const test = await findProgram('test', '/', path);
  if ('problem' in test) return undefined;
  return new Promise((resolve) => {
    execFile(test.file, [how, file], { uid, gid, cwd: '/', timeout: 5000 }, (error) => {
      const does = how === '-x' ? 'execute' : 'read';
      resolve(error === null ? undefined : `the user ${name} may not ${does} ${file}, or one of its folders`);
    });
  });
}

/** The variables that name the user. */
export function userEnvironment({ name, home }: HandlerUser): Record<string, string> {
  return { HOME: home, USER: name, LOGNAME: name };
}

function unnamed(uid: number): HandlerUser {
  return { name: String(uid), uid, gid: uid, home: '/' };
}

/** Of /etc/passwd, or of whatever else the machine asks (LDAP) where the program getent is. `who`: a name or an uid. */
async function entryOf(who: string, path: string | undefined): Promise<HandlerUser | undefined> {
  const local = entryIn(await readFile('/etc/passwd', 'utf8').catch(() => ''), who);
  if (local !== undefined) return local;
  const getent = await findProgram('getent', '/', path);
  if ('problem' in getent) return undefined;
  return new Promise((resolve) => {
    execFile(getent.file, ['passwd', '--', who], { timeout: 5000 }, (_error, stdout) => resolve(entryIn(stdout, who)));
  });
}

function entryIn(text: string, who: string): HandlerUser | undefined {
  for (const line of text.split('\n')) {
    const [name, , uid, gid, , home] = line.split(':');
    if (name === undefined || gid === undefined || (name !== who && uid !== who)) continue;
    if (/^\d+$/.test(uid ?? '') && /^\d+$/.test(gid)) {
      return { name, uid: Number(uid), gid: Number(gid), home: home === undefined || home === '' ? '/' : home };
    }
  }
  return undefined;
}

async function missingCapabilities(): Promise<string[]> {
  const bits = await capabilities();
  if (bits === undefined) return [];
  return Object.entries(NEEDED).flatMap(([name, bit]) => (hasBit(bits, bit) ? [] : [name]));
}

/** Those in effect; undefined where /proc does not say. */
async function capabilities(): Promise<bigint | undefined> {
  const text = await readFile('/proc/self/status', 'latin1').catch(() => '');
  const digits = /^CapEff:\s*([0-9a-f]{1,32})$/m.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}

function hasBit(bits: bigint, bit: number): boolean {
  return ((bits >> BigInt(bit)) & 1n) === 1n;
}
