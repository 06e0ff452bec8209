import { describe, expect, it } from 'vitest';
import { type Host, hostFrom } from '../../../../src/core/server/host.ts';
import { installPlan, installServer } from '../../../../src/core/server/server-install.ts';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n';
const JAMMY = 'ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\nUBUNTU_CODENAME=jammy\n';
const MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=vanessa\nUBUNTU_CODENAME=jammy\n';
const NOBLE = 'ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n';

describe('the way to a server program', () => {
  it.each([
    ['Debian', DEBIAN, ['mariadb-server-core', 'mariadb-client-core']],
    ['Ubuntu 22.04', JAMMY, ['mariadb-server-core-10.6', 'mariadb-client-core-10.6']],
    ['a distribution made from Ubuntu 22.04', MINT, ['mariadb-server-core-10.6', 'mariadb-client-core-10.6']],
    ['Ubuntu 24.04', NOBLE, ['mariadb-server-core', 'mariadb-client-core']],
  ])('%s: the programs without a service, by apt-get', (_name, osRelease, packages) => {
    expect(installPlan('linux', osRelease)).toEqual({
      packages,
      command: `sudo apt-get install ${packages.join(' ')}`,
      apt: true,
    });
  });

  it.each([
    ['Fedora', 'linux', 'ID=fedora\n', 'sudo dnf install mariadb-server'],
    ['Alpine', 'linux', 'ID=alpine\n', 'sudo apk add mariadb mariadb-client'],
    ['macOS', 'darwin', '', 'brew install mariadb'],
  ] as const)('%s: named, not done', (_name, platform, osRelease, command) => {
    expect(installPlan(platform, osRelease)).toMatchObject({ command, apt: false });
  });

  it('without rights it is E_SERVER_MISSING (69), with the package and the command, and nothing was tried', async () => {
    const said: string[] = [];
    const host: Host = { ...hostFrom(process), uid: 65_534, env: { AFD_SERVER_FOLDERS: '/nowhere' } };
    await expect(installServer(host, (text) => said.push(text))).rejects.toMatchObject({
      code: 'E_SERVER_MISSING',
      exitCode: 69,
      data: { packages: expect.any(Array) },
      suggestions: [expect.stringContaining('maria'), expect.stringContaining('AFD_DATABASE_URL=')],
    });
    expect(said).toEqual([]);
  });
});
