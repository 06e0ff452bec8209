import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * A Python 3 that has PyMySQL, or undefined. The first `python3` of PATH may be one without the system's packages, so
 * each of them is asked.
 */
export function pythonWithMysql(path = process.env.PATH ?? ''): string | undefined {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), '/usr/bin', '/usr/local/bin'];
  const programs = new Set(folders.map((folder) => join(folder, 'python3')));
  return [...programs].find((program) => {
    try {
      accessSync(program, constants.X_OK);
    } catch {
      return false;
    }
    const probe = 'import sys, pymysql; sys.exit(0 if sys.version_info >= (3, 8) else 1)';
    return spawnSync(program, ['-c', probe], { stdio: 'ignore', timeout: 10_000 }).status === 0;
  });
}
