import { readFile } from 'node:fs/promises';
import { AfdError } from '../domain/errors.ts';
import { type Host, runProgram } from './host.ts';
import { findProgram, findServerProgram, type ServerProgram } from './server-program.ts';

/** How a server program comes onto this machine. */
export interface InstallPlan {
  packages: string[];
  /** The command for a human, as it stands. */
  command: string;
  /** True when afd knows how to run it by itself. */
  apt: boolean;
}

/** Reads the text of /etc/os-release ('' = none). Never plans `mariadb-server`: that one starts a service of the machine. */
export function installPlan(platform: NodeJS.Platform, osRelease: string): InstallPlan {
  const lines = osRelease.split('\n');
  const field = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .trim()
      .replace(/^["']|["']$/g, '') ?? '';
  const family = `${field('ID')} ${field('ID_LIKE')}`.split(/\s+/);
  if (platform === 'darwin') return plan(['mariadb'], 'brew install mariadb');
  if (family.includes('debian') || family.includes('ubuntu')) {
    const codename = field('UBUNTU_CODENAME') || field('VERSION_CODENAME');
    // Ubuntu 22.04 has no packages without the version in the name.
    const suffix = codename === 'jammy' ? '-10.6' : '';
    const packages = [`mariadb-server-core${suffix}`, `mariadb-client-core${suffix}`];
    return { ...plan(packages, `sudo apt-get install ${packages.join(' ')}`), apt: true };
  }
  if (family.includes('fedora') || family.includes('rhel')) {
    return plan(['mariadb-server'], 'sudo dnf install mariadb-server');
  }
  if (family.includes('alpine')) return plan(['mariadb', 'mariadb-client'], 'sudo apk add mariadb mariadb-client');
  if (family.includes('arch')) return plan(['mariadb'], 'sudo pacman -S mariadb');
  return plan(['mariadb-server'], 'install MariaDB >= 10.6 or MySQL >= 8.0.23 with your package manager');
}

function plan(packages: string[], command: string): InstallPlan {
  return { packages, command, apt: false };
}

/**
 * Installs a server program where that is a matter of apt-get: as root, or with sudo that asks for no password. `say`
 * gets a sentence for each step, since it takes seconds and changes the machine.
 * @throws AfdError E_SERVER_MISSING naming the package and the command
 */
export async function installServer(host: Host, say: (text: string) => void): Promise<ServerProgram> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const wanted = installPlan(host.platform, osRelease);
  const apt = wanted.apt ? await findProgram(host, ['apt-get']) : undefined;
  if (apt === undefined) throw missing(wanted, 'afd cannot install one on this system');
  const prefix = await rights(host);
  if (prefix === undefined) throw missing(wanted, 'this user is not root and cannot use sudo without a password');

  say(`Installing ${wanted.packages.join(' and ')} (the programs only, without a service) …`);
  // --no-remove: rather fail than remove a MySQL client that is in use.
  const install = [
    ...prefix,
    apt,
    ...['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', '--no-remove'],
    ...wanted.packages,
  ];
  const quiet = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  let ran = await runProgram(host, install, quiet);
  if (ran.code !== 0) {
    // No package lists yet, or lists so old that their files are gone.
    await runProgram(host, [...prefix, apt, '-o', 'DPkg::Lock::Timeout=120', 'update'], quiet);
    ran = await runProgram(host, install, quiet);
  }
  const found = await findServerProgram(host);
  if (ran.code !== 0 || found === undefined) {
    const lastLines = ran.output.split('\n').slice(-5).join(' ');
    throw missing(wanted, `apt-get could not install one (${lastLines})`);
  }
  return found;
}

/** Words before apt-get; undefined = no right to install. */
async function rights(host: Host): Promise<string[] | undefined> {
  if (host.uid === 0) return [];
  const sudo = await findProgram(host, ['sudo']);
  if (sudo === undefined) return undefined;
  return (await runProgram(host, [sudo, '-n', 'true'])).code === 0 ? [sudo, '-n', 'env', 'LC_ALL=C'] : undefined;
}

function missing(wanted: InstallPlan, why: string): AfdError {
  return new AfdError('E_SERVER_MISSING', `No MySQL or MariaDB server program was found, and ${why}.`, {
    suggestions: [wanted.command, "AFD_DATABASE_URL='mysql://user:password@host:3306/schema?tls=verify-full'"],
    data: { packages: wanted.packages, command: wanted.command },
  });
}
