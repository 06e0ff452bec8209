import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROBE = 'import sys, pymysql; sys.exit(0 if sys.version_info >= (3, 8) else 1)';

/**
 * A Python 3 that has PyMySQL, or undefined. The first `python3` of PATH may be one without the system's packages, so
 * each of them is asked.
 */
export function pythonWithMysql(path = process.env.PATH ?? ''): string | undefined {
  return pythons(path).find(
    (program) => spawnSync(program, ['-c', PROBE], { stdio: 'ignore', timeout: 10_000 }).status === 0,
  );
}

/**
 * The same for the demonstration: where Debian's Python is there without PyMySQL, and installing is a matter of
 * apt-get as root, the package is installed. `reason` says why there is none.
 */
export function findPython(path = process.env.PATH ?? ''): { program: string } | { program?: never; reason: string } {
  const found = pythonWithMysql(path);
  if (found !== undefined) return { program: found };
  if (pythons(path).length === 0) return { reason: 'there is no python3' };
  const reason = 'no python3 has PyMySQL (Debian, Ubuntu: apt-get install python3-pymysql)';
  if (process.getuid?.() !== 0 || !isProgram('/usr/bin/apt-get') || !isProgram('/usr/bin/python3')) return { reason };
  const install = ['install', '-y', '--no-install-recommends', '--no-remove', 'python3-pymysql'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('/usr/bin/apt-get', ['-o', 'DPkg::Lock::Timeout=30', ...install], {
    stdio: 'ignore',
    timeout: 60_000,
    env,
  });
  const now = pythonWithMysql(path);
  return now === undefined ? { reason } : { program: now };
}

/** Every python3 of PATH, and the system's. */
function pythons(path: string): string[] {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), '/usr/bin', '/usr/local/bin'];
  return [...new Set(folders.map((folder) => join(folder, 'python3')))].filter(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
