// The process of a server, and the processor time that it has used.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const TICK_MS = 10;

/** Pid of the process that listens at this address of this machine; undefined if it is elsewhere or may not be read. */
export function pidOfServer({ host, port, socketPath }) {
  if (socketPath !== undefined) return listener(unixInode(socketPath));
  return ['localhost', '127.0.0.1', '::1'].includes(host) ? listener(tcpInode(port)) : undefined;
}

/** Milliseconds of processor time of processes and of all that they have started; undefined where there is no /proc. */
export function cpuMs(...pids) {
  const parents = new Map();
  const used = new Map();
  for (const name of list('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : '';
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 15) continue;
    parents.set(Number(name), Number(fields[1]));
    // utime, stime, and those of children that have ended.
    used.set(
      Number(name),
      fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0),
    );
  }
  if (used.size === 0) return undefined;
  const ours = (one) => pids.includes(one) || (parents.has(one) && ours(parents.get(one)));
  let ticks = 0;
  for (const [one, spent] of used) if (ours(one)) ticks += spent;
  return ticks * TICK_MS;
}

function tcpInode(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of read(file).split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex}`) && state === '0A') return inode;
    }
  }
  return undefined;
}

function unixInode(path) {
  const line = read('/proc/net/unix')
    .split('\n')
    .find((one) => one.endsWith(` ${path}`));
  return line?.trim().split(/\s+/)[6];
}

function listener(inode) {
  if (inode === undefined) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      if (link(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`) return Number(pid);
    }
  }
  return undefined;
}

// Processes come and go, and some may not be read.
function read(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function list(dir) {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function link(path) {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
