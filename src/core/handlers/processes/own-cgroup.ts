// Where the control group of this process is, and whether it was delegated to this process.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readValue } from './cgroup-files.ts';
import { LEAF } from './end-group.ts';
import { ownUser } from './own-process.ts';

/** Finds a program by its name. */
export type Find = (name: string) => Promise<{ file: string } | { problem: string }>;

/** `why`: half a sentence, about a group that nobody gave to this process. */
export type Delegation = { root: string } | { why: string };

/**
 * The folder of a process, from its /proc/<pid>/cgroup and its /proc/<pid>/mountinfo; undefined where there is no cgroup v2, or
 * no mount that shows the group.
 */
export function cgroupFolder(cgroup: string, mountinfo: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  if (path === undefined || path.split('/').includes('..')) return undefined;
  for (const line of mountinfo.split('\n')) {
    // "id parent major:minor root mountpoint options [optional]… - type source options"
    const [mount = '', type = ''] = line.split(' - ');
    if (type.split(' ')[0] !== 'cgroup2') continue;
    const [root = '', point = ''] = mount.split(' ').slice(3, 5).map(unescaped);
    if (root === '/') return resolve(join(point, path));
    if (path === root || path.startsWith(`${root}/`)) return resolve(join(point, path.slice(root.length)));
  }
  return undefined;
}

/** `proc`: /proc/self. */
export async function findDelegation(find: Find, proc = '/proc/self'): Promise<Delegation> {
  const own = cgroupFolder(await readValue(proc, 'cgroup'), await readValue(proc, 'mountinfo'));
  if (own === undefined) return { why: 'there is no cgroup v2' };
  // Who starts in such a leaf was put there by somebody who prepared the group above it.
  const root = basename(own) === LEAF ? dirname(own) : own;
  if ((await readValue(root, 'cgroup.type')) === '') return { why: `${root} is the root of all cgroups` };
  const controllers = (await readValue(root, 'cgroup.controllers')).trim().split(' ');
  if (!controllers.includes('memory')) return { why: `${root} has no memory controller` };
  for (const name of ['.', 'cgroup.procs', 'cgroup.subtree_control']) {
    const allowed = await access(join(root, name), constants.W_OK).then(
      () => true,
      () => false,
    );
    if (!allowed) return { why: `${root} is not delegated: this user may not write to it` };
  }
  return (await ofUnit(root, find)) ?? { root };
}

/**
 * Root, and the units of a user, may write to groups that systemd keeps for itself, so systemd is asked. Other users may write to
 * those that were given to them.
 */
async function ofUnit(root: string, find: Find): Promise<Delegation | undefined> {
  const unit = basename(root);
  if (!/\.(service|scope|slice)$/.test(unit)) return undefined;
  const ofUser = root.includes('/user@');
  if (!ofUser && ownUser() !== 0) return undefined;
  const program = await find('systemctl');
  if ('problem' in program) return { why: `${unit} belongs to systemd, and ${program.problem}` };
  const args = [...(ofUser ? ['--user'] : []), 'show', '--property=Delegate', '--value', '--', unit];
  return new Promise((resolve) => {
    execFile(program.file, args, { timeout: 5000 }, (error, stdout) => {
      if (error === null && stdout.trim() === 'yes') resolve(undefined);
      else resolve({ why: `the unit ${unit} does not delegate its cgroup (Delegate=memory)` });
    });
  });
}

/** The kernel writes a blank as \040. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
