// Where the private servers keep their data: one disk for all, and a real one.
import { mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const TMPFS = 0x01021994;
export const SERVERS = process.env.AFD_BENCH_DATA ?? fileURLToPath(new URL('../.servers', import.meta.url));

/** A new folder of this run. @throws Error when it would be in memory */
export function dataFolder(name) {
  const dir = join(SERVERS, `${name}-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  if (statfsSync(dir).type === TMPFS) {
    throw new Error(
      `${SERVERS} is in memory: a durable setting would cost nothing there. Set AFD_BENCH_DATA to a disk.`,
    );
  }
  return dir;
}

/** Folders of runs that ended without cleaning up. */
export function abandonedFolders() {
  let names = [];
  try {
    names = readdirSync(SERVERS);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return names.filter((name) => !alive(Number(/-(\d+)$/.exec(name)?.[1]))).map((name) => join(SERVERS, name));
}

export function removeFolder(dir) {
  rmSync(dir, { recursive: true, force: true });
}

function alive(pid) {
  if (!(pid > 0)) return true;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
