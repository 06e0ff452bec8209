// What a cgroup for each attempt costs: its folder, its limit, and the move of a process into it.
//   node bench/cgroups.mjs FOLDER [limit file]     FOLDER: a cgroup without processes, in which this user may make others
// The limit file is memory.max; memory.limit_in_bytes in a hierarchy of version 1.
import { spawn } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const [root, limit = 'memory.max'] = process.argv.slice(2);
const GROUPS = 200;
const MOVES = 50;
/** Milliseconds; the kernel remembers a move for less. */
const APART_MS = 100;

const dirs = Array.from({ length: GROUPS }, (_, n) => join(root, `bench-${n}`));
const children = [];
const write = (dir, name, value) => writeFileSync(join(dir, name), `${value}`, { flag: 'r+' });

function timed(step) {
  const from = process.hrtime.bigint();
  step();
  return Number(process.hrtime.bigint() - from) / 1000;
}

function tell(what, times) {
  times.sort((a, b) => a - b);
  const [p50, p95] = [0.5, 0.95].map((part) => Math.round(times[Math.floor(times.length * part)]));
  console.log(`${what.padEnd(24)} p50 ${String(p50).padStart(6)} µs   p95 ${String(p95).padStart(6)} µs`);
}

function move(dir) {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  children.push(child);
  return () => write(dir, 'cgroup.procs', child.pid);
}

tell(
  'make',
  dirs.map((dir) => timed(() => mkdirSync(dir))),
);
tell(
  'limit',
  dirs.map((dir) => timed(() => write(dir, limit, 1e8))),
);
const moves = dirs.slice(0, MOVES).map(move);
tell('move, one after another', moves.map(timed));
const apart = [];
for (const dir of dirs.slice(MOVES, 2 * MOVES)) {
  const step = move(dir);
  await pause(APART_MS);
  apart.push(timed(step));
}
tell(`move, ${APART_MS} ms apart`, apart);
const ended = children.map((child) => new Promise((resolve) => child.once('exit', resolve)));
for (const child of children) child.kill('SIGKILL');
await Promise.all(ended);
tell(
  'remove',
  dirs.map((dir) => timed(() => rmdirSync(dir))),
);
