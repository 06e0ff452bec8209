import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { getuid } from 'node:process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { cgroupFolder, type Find, findDelegation } from '../../../../../src/core/handlers/processes/own-cgroup.ts';
import { skipBecause } from '../../../../helpers/skip.ts';

const mountLine = (root: string, point: string, type = 'cgroup2') =>
  `31 23 0:28 ${root} ${point} rw,nosuid,relatime shared:9 - ${type} ${type} rw\n`;

describe('the folder of the cgroup of a process', () => {
  const UNIFIED = mountLine('/', '/sys/fs/cgroup');
  it.each([
    ['of a unit', '0::/system.slice/afd.service', UNIFIED, '/sys/fs/cgroup/system.slice/afd.service'],
    ['in a container that sees the names of the machine', '0::/pod/a', mountLine('/pod/a', '/groups'), '/groups'],
    ['beside controllers of version 1', '4:memory:/a\n0::/b', mountLine('/', '/my\\040groups'), '/my groups/b'],
    ['of version 1 alone', '4:memory:/a', mountLine('/', '/sys/fs/cgroup', 'cgroup'), undefined],
    ['that no mount shows', '0::/pod/ab', mountLine('/pod/a', '/sys/fs/cgroup'), undefined],
    ['outside of its namespace', '0::/../b', UNIFIED, undefined],
  ])('%s', (_, cgroup, mounts, folder) => {
    expect(cgroupFolder(`${cgroup}\n`, `22 1 0:5 / /proc rw - proc proc rw\n${mounts}`)).toBe(folder);
  });
});

describe('a cgroup is used if', () => {
  const nothing: Find = async () => ({ problem: 'the program systemctl was not found' });
  /** Files such as those of a cgroup: /proc/self, and the group at `path`. */
  function fake(path: string, files: Record<string, string> = {}) {
    const dir = mkdtempSync(join(tmpdir(), 'afd-cgroup-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const write = (name: string, text: string) => {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    };
    write('self/cgroup', `0::${path}\n`);
    write('self/mountinfo', mountLine('/', join(dir, 'groups')));
    const given = { 'cgroup.type': 'domain\n', 'cgroup.controllers': 'cpu memory pids\n', ...files };
    const group = resolve(dir, 'groups', path.slice(1).replace(/\/?afd-worker$/, ''));
    for (const [name, text] of Object.entries({ 'cgroup.procs': '', 'cgroup.subtree_control': '', ...given }))
      write(join('groups', path.replace(/\/afd-worker$/, ''), name), text);
    return { dir, group, proc: join(dir, 'self') };
  }

  it.each([
    ['this user may write to it', '/afd', {}, undefined],
    ['it is the leaf that an earlier worker made, or that was prepared', '/afd/afd-worker', {}, undefined],
    ['it is not the root of all', '/', { 'cgroup.type': '' }, 'is the root of all cgroups'],
    ['it has the memory controller', '/afd', { 'cgroup.controllers': 'cpu pids\n' }, 'has no memory controller'],
  ] as [string, string, Record<string, string>, string | undefined][])('%s', async (_, path, files, why) => {
    const { group, proc } = fake(path, files);
    expect(await findDelegation(nothing, proc)).toEqual(
      why === undefined ? { root: group } : { why: `${group} ${why}` },
    );
  });

  const other = skipBecause(getuid?.() === 0 ? 'root may write to any folder' : undefined);
  it('another user has not kept it', other, async () => {
    const { group, proc } = fake('/afd');
    chmodSync(join(group, 'cgroup.subtree_control'), 0o444);
    const why = `${group} is not delegated: this user may not write to it`;
    expect(await findDelegation(nothing, proc)).toEqual({ why });
  });

  // Only they may write to what systemd keeps.
  const path = getuid?.() === 0 ? '/system.slice/a.service' : '/user.slice/user@1000.service/app.slice/a.service';
  it.each([
    ['yes', undefined],
    ['no', 'the unit a.service does not delegate its cgroup (Delegate=memory)'],
  ])('systemd says of the unit: %s', async (answer, why) => {
    const { dir, group, proc } = fake(path);
    const file = join(dir, 'systemctl');
    const show = 'show --property=Delegate --value -- a.service';
    writeFileSync(file, `#!/bin/sh\ncase "$*" in *"${show}") echo ${answer};; esac\n`);
    chmodSync(file, 0o755);
    expect(await findDelegation(async () => ({ file }), proc)).toEqual(why === undefined ? { root: group } : { why });
  });

  it('there is one at all, and systemd can be asked', async () => {
    expect(await findDelegation(nothing, '/nowhere')).toEqual({ why: 'there is no cgroup v2' });
    expect(await findDelegation(nothing, fake(path).proc)).toEqual({
      why: 'a.service belongs to systemd, and the program systemctl was not found',
    });
  });
});
