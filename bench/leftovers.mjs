// Kills workers that run a tree of processes, one level of which is in a session of its own, and counts what is left.
//   node bench/leftovers.mjs [kills] [at the same time]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { median } from './median.mjs';

await bootstrap();
const { Servers } = await import('./servers/servers.mjs');

const KILLS = Number(process.argv[2] ?? 200);
const AT_ONCE = Number(process.argv[3] ?? 2);
const PROMISED_MS = 5000;
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const TREE = `#!/bin/sh
trap '' TERM HUP
echo "$AFD_DEVICE_ID $$" >>tree.pids
setsid sh -c '
  exec <&- >&- 2>&-
  sleep 600 &
  echo "$AFD_DEVICE_ID $!" >>tree.pids
  sh -c "echo \\$AFD_DEVICE_ID \\$\\$ >>tree.pids; exec sleep 600" &
  echo "$AFD_DEVICE_ID $$" >>tree.pids
  wait' &
wait
`;
const OF_A_TREE = 4;

const servers = new Servers({ install: false });
const dir = mkdtempSync(join(tmpdir(), 'afd-leftovers-'));
const { url } = await servers.get('mariadb');
const config = {
  database: { url },
  worker: { task_poll_interval: 0.1 },
  handlers: { tree: { exec: ['sh', './tree.sh'], timeout: '1h' } },
};
writeFileSync(join(dir, 'afd.yaml'), JSON.stringify(config), { mode: 0o600 });
writeFileSync(join(dir, 'tree.sh'), TREE);
const env = { PATH: process.env.PATH, HOME: process.env.HOME };

function afd(...args) {
  const run = spawnSync(process.execPath, [BIN, ...args], { cwd: dir, env, encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`afd ${args.join(' ')}: ${run.stdout}${run.stderr}`);
}

const runs = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
};

async function until(ms, ask) {
  for (const end = performance.now() + ms; performance.now() < end; await pause(10)) {
    const answer = ask();
    if (answer) return answer;
  }
  return undefined;
}

function treeOf(device) {
  let text = '';
  try {
    text = readFileSync(join(dir, 'tree.pids'), 'utf8');
  } catch {
    // None has begun.
  }
  return text.split('\n').flatMap((line) => (line.startsWith(`${device} `) ? [Number(line.split(' ')[1])] : []));
}

/** Milliseconds until nothing was left, and how many processes were left after the promised time. */
async function kill(n) {
  const device = `killed-${n}`;
  const worker = spawn(process.execPath, [BIN, 'worker', '--device-id', device, '--slots', '1', '--no-leader'], {
    ...{ cwd: dir, env, stdio: 'ignore' },
  });
  const pids = await until(60_000, () => {
    const found = treeOf(device);
    return found.length === OF_A_TREE && found.every(runs) && found;
  });
  if (pids === undefined) throw new Error(`${device} began no tree`);
  const begun = performance.now();
  worker.kill('SIGKILL');
  await until(PROMISED_MS, () => !pids.some(runs));
  const left = pids.filter(runs);
  for (const pid of left) process.kill(pid, 'SIGKILL');
  return { ms: performance.now() - begun, left: left.length };
}

try {
  afd('migrate', '--yes');
  writeFileSync(join(dir, 'tasks.jsonl'), `${JSON.stringify({ task_type: 'tree' })}\n`.repeat(KILLS));
  afd('tasks', 'import', 'tasks.jsonl');
  const results = [];
  let next = 0;
  const series = async () => {
    while (next < KILLS) {
      next += 1;
      results.push(await kill(next));
      if (results.length % 20 === 0) process.stderr.write(`${results.length} kills\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, series));
  const times = results.map(({ ms }) => ms).sort((a, b) => a - b);
  const left = results.reduce((sum, one) => sum + one.left, 0);
  process.stdout.write(
    `${results.length} kills of a worker with a tree of ${OF_A_TREE} processes: ${left} left after ${PROMISED_MS / 1000} s; ` +
      `all gone after ${Math.round(median(times))} ms (median), ${Math.round(times.at(-1))} ms (longest)\n`,
  );
  process.exitCode = left === 0 ? 0 : 1;
} finally {
  await servers.stop();
  rmSync(dir, { recursive: true, force: true });
}
