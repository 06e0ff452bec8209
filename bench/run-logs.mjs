// What run logs cost, on a private server:
//   1. a command that prints 1 GB: seconds with its stdout in a file, with `run_log: off`, and with `run_log: on`; bytes stored
//   2. 40 slots that print 1,000 lines a second each, beside a worker that drains no-op tasks: their rate with off and on
//   node bench/run-logs.mjs [--reps 3] [--megabytes 1000] [--tasks 20000] [--server mariadb]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { median } from './median.mjs';

await bootstrap();
const { Servers } = await import('./servers/servers.mjs');
const { values: given } = parseArgs({
  options: {
    reps: { type: 'string', default: '3' },
    megabytes: { type: 'string', default: '1000' },
    tasks: { type: 'string', default: '20000' },
    server: { type: 'string', default: 'mariadb' },
  },
});
const [REPS, MEGABYTES, TASKS] = [given.reps, given.megabytes, given.tasks].map(Number);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const SPEAKING_SLOTS = 40;
const LINES_PER_S = 1000;

// As a crawler prints: a line at a time, with the buffer of its runtime.
const PRINTS = `import sys
line = "2026-01-01 00:00:00 GET https://host.example/report?page=123456 200 1834 bytes in 0.213 s, row 00000000" + "\\n"
for _ in range(${MEGABYTES} * 1000000 // len(line)):
    sys.stdout.write(line)
`;
const SPEAKS = `export default (_task, ctx) => new Promise((resolve) => {
  let line = 0;
  const timer = setInterval(() => {
    for (let n = 0; n < ${LINES_PER_S / 10}; n += 1) ctx.log.info('GET https://host.example/report 200, 1834 bytes in 0.213 s', { line: line++ });
  }, 100);
  ctx.signal.addEventListener('abort', () => { clearInterval(timer); resolve(); });
});`;

const servers = new Servers({ install: false });
const dir = mkdtempSync(join(tmpdir(), 'afd-bench-'));
const { url } = await servers.get(given.server);
const connection = await mysql.createConnection(url);
const env = { PATH: process.env.PATH, HOME: process.env.HOME };
for (const [run_log, type] of ['off', 'on'].flatMap((mode) => ['prints', 'speaks', 'noop'].map((one) => [mode, one]))) {
  const config = {
    database: { url },
    log: { level: 'error' },
    worker: { shutdown_timeout: 0.2, kill_grace: 1, capabilities: { supported_tasks: [type] } },
    handlers: {
      prints: { exec: ['python3', './prints.py'], run_log },
      speaks: { module: './speaks.mjs', run_log },
      noop: { module: './noop.mjs', run_log },
    },
  };
  writeFileSync(join(dir, `${type}-${run_log}.yaml`), JSON.stringify(config), { mode: 0o600 });
}
writeFileSync(join(dir, 'prints.py'), PRINTS);
writeFileSync(join(dir, 'speaks.mjs'), SPEAKS);
writeFileSync(join(dir, 'noop.mjs'), 'export default () => {};');

const afd = (mode, ...args) => {
  const run = spawnSync(process.execPath, [BIN, ...args, '--config', join(dir, `prints-${mode}.yaml`)], {
    ...{ cwd: dir, env, encoding: 'utf8' },
  });
  if (run.status !== 0) throw new Error(`afd ${args.join(' ')}: ${run.stdout}${run.stderr}`);
  return run.stdout;
};
const rows = async (sql, values = []) => (await connection.query(sql, values))[0];

/** A worker that runs tasks of this type alone. */
function worker(mode, type, slots) {
  const args = ['worker', '--device-id', type, '--slots', String(slots), '--no-leader'];
  const child = spawn(process.execPath, [BIN, ...args, '--config', join(dir, `${type}-${mode}.yaml`)], {
    cwd: dir,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

async function add(type, count) {
  const some = Array.from({ length: Math.min(count, 1000) }, () => [type]);
  for (let n = 0; n < count; n += some.length)
    await connection.query('INSERT INTO af_crawl_task (task_type) VALUES ?', [some]);
}

async function until(what, ask) {
  for (let n = 0; n < 6000; n += 1) {
    const found = await ask();
    if (found) return found;
    await pause(50);
  }
  throw new Error(`${what} did not come`);
}

async function printed(mode) {
  await rows('DELETE FROM af_task_log');
  const id = Number(afd(mode, 'tasks', 'add', '--type', 'prints').trim());
  const stop = worker(mode, 'prints', 1);
  const [done] = await until('the end of the task', async () => {
    const found = await rows(
      `SELECT TIMESTAMPDIFF(MICROSECOND, started_at, completed_at) / 1e6 AS seconds FROM af_task_assignment
       WHERE task_id = ? AND status = 'completed'`,
      [id],
    );
    return found.length > 0 && found;
  });
  await stop();
  const [stored] = await rows(
    'SELECT COUNT(*) AS n, SUM(to_byte - from_byte) AS kept, SUM(LENGTH(body)) AS size FROM af_task_log',
  );
  return { seconds: Number(done.seconds), ...stored };
}

function bare() {
  const began = performance.now();
  spawnSync('sh', ['-c', 'exec python3 prints.py | cat >/dev/null'], { cwd: dir, env });
  return (performance.now() - began) / 1000;
}

/** Tasks a second of a worker that drains, while another one's handlers print. */
async function rateDuring(mode) {
  await rows('DELETE FROM af_crawl_task');
  await rows('DELETE FROM af_task_log');
  await add('speaks', SPEAKING_SLOTS);
  const stopSpeaking = worker(mode, 'speaks', SPEAKING_SLOTS);
  await until('the first lines', async () => {
    const [{ n }] = await rows("SELECT COUNT(*) AS n FROM af_crawl_task WHERE status = 'running'");
    return Number(n) === SPEAKING_SLOTS;
  });
  await pause(3000);
  await add('noop', TASKS);
  const stop = worker(mode, 'noop', 10);
  const count = async () =>
    Number((await rows("SELECT COUNT(*) AS n FROM af_crawl_task WHERE task_type = 'noop' AND status = 'done'"))[0].n);
  await until('a quarter', async () => (await count()) > TASKS / 4);
  const [from, began] = [await count(), performance.now()];
  await until('the end', async () => (await count()) > TASKS * 0.95);
  const rate = ((await count()) - from) / ((performance.now() - began) / 1000);
  await Promise.all([stop(), stopSpeaking()]);
  const [{ stored }] = await rows('SELECT SUM(line_count) AS stored FROM af_task_log');
  return { rate, lines: Number(stored) };
}

try {
  afd('on', 'migrate', 'up', '--yes');
  const times = { bare: [], off: [], on: [] };
  let stored;
  for (let n = 0; n < REPS; n += 1) {
    times.bare.push(bare());
    times.off.push((await printed('off')).seconds);
    stored = await printed('on');
    times.on.push(stored.seconds);
  }
  const [pipe, off, on] = [times.bare, times.off, times.on].map(median);
  console.log(
    `a command prints ${MEGABYTES} MB, medians of ${REPS}: into cat ${pipe.toFixed(1)} s, run_log off ${off.toFixed(1)} s, on ${on.toFixed(1)} s`,
  );
  console.log(
    `  on: ${(on / pipe).toFixed(2)} of cat, ${(on / off).toFixed(2)} of off; stored: ${stored.n} pieces, ${stored.kept} bytes of output, ${stored.size} compressed`,
  );
  const rates = { off: [], on: [] };
  let lines = 0;
  for (let n = 0; n < REPS; n += 1) {
    for (const mode of n % 2 === 0 ? ['off', 'on'] : ['on', 'off']) {
      const told = await rateDuring(mode);
      rates[mode].push(told.rate);
      if (mode === 'on') lines = told.lines;
    }
  }
  const ratio = median(rates.on.map((one, n) => one / rates.off[n]));
  console.log(
    `${SPEAKING_SLOTS} slots print ${LINES_PER_S} lines/s each: no-op tasks at the same time ${Math.round(median(rates.off))}/s off, ${Math.round(median(rates.on))}/s on, ratio ${ratio.toFixed(2)} (lines stored at the end: ${lines})`,
  );
} finally {
  await connection.end();
  await servers.stop();
  rmSync(dir, { recursive: true });
}
