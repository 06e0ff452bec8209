// A thousand devices at one database: what they cost it while nothing is due and while tasks are executed, how soon a task starts meanwhile, and,
// on a replicated database, what happens when its writer is killed.
//   npm run bench -- fleet [--devices 1000] [--workers 2] [--processes 4] [--seconds 20] [--url URL | --script FILE] [--failovers 3] [--json]
// --url: a server, and an account that may make a schema. --script: starts and kills the members of a cluster, as for the tests on clusters.
// Without either a private MariaDB. The devices of bench/fleet-devices.mjs have one session each; only the real workers execute tasks, so the
// first start after a failover is that of the luckiest worker, and no other device can be quicker.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { openTarget } from './fleet-target.mjs';
import { machine } from './machine.mjs';
import { median } from './median.mjs';

await bootstrap();
const text = { type: 'string' };
const { values: given } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== 'fleet'),
  options: {
    ...{
      devices: { ...text, default: '1000' },
      processes: { ...text, default: '4' },
      seconds: { ...text, default: '20' },
      workers: { ...text, default: '2' },
    },
    ...{ url: text, script: text, failovers: { ...text, default: '3' }, json: { type: 'boolean', default: false } },
  },
});
const [DEVICES, PROCESSES, SECONDS, FAILOVERS, WORKERS] = [
  ...[given.devices, given.processes, given.seconds, given.failovers, given.workers],
].map(Number);
const SLOTS = 10;
const LOAD_MS = 50;
const PROBE_MS = 100;
/** Devices that start in a second, in all: a fleet is not switched on at once. */
const STARTS = 100;
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const core = (path) => import(new URL(`../dist/core/${path}`, import.meta.url).href);
const now = () => performance.timeOrigin + performance.now();

const target = await openTarget(given);
const dir = mkdtempSync(join(tmpdir(), 'afd-fleet-'));
const children = new Set();
const reports = [];
const log = join(dir, 'starts.log');
try {
  await target.makeSchema(3 * DEVICES + 100);
  const result = await measured();
  result.about = `${await target.about()}; ${await machine()}`;
  if (given.json) console.log(JSON.stringify(result));
  else print(result);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await target.close();
  rmSync(dir, { recursive: true, force: true });
}

async function measured() {
  const workers = realWorkers();
  const { context, producer } = await openProducer();
  // Until the workers have found their pace.
  await probed(producer, 3000);
  await pause(3000);
  const without = { idle: await phase(producer, false) };
  const devices = startDevices();
  await until(() => seen('registered') >= DEVICES, (DEVICES / STARTS) * 15_000 + 60_000, 'all devices are registered');
  await pause(5000);
  const among = { idle: await phase(producer, false), load: await phase(producer, true) };
  const failovers = [];
  for (let n = 0; target.kill !== undefined && n < FAILOVERS; n += 1) failovers.push(await failover(producer));
  await context.close();
  for (const child of [...devices, ...workers]) child.kill('SIGTERM');
  await Promise.all([...children].map((child) => new Promise((resolve) => child.once('exit', resolve))));
  const silent = new Set(reports.filter((one) => one.kind === 'trust-over').map((one) => one.device));
  return { devices: DEVICES, without, among, failovers, silent: silent.size };
}

/** What the server did in some seconds, and how soon tasks started meanwhile. `loaded`: the workers are busy. */
async function phase(producer, loaded) {
  const work = loaded ? load(producer) : undefined;
  if (loaded) await pause(2000);
  const before = await target.counters();
  const since = now();
  const starts = await probed(producer, SECONDS * 1000);
  const after = await target.counters();
  const seconds = (now() - since) / 1000;
  const memory = target.rssMb();
  const connections = await target.connections();
  await work?.stop();
  if (loaded) await until(async () => (await target.open('load')) === 0, 30_000, 'the tasks are done');
  return {
    statements: (after.statements - before.statements) / seconds,
    cpuMs: (after.cpuMs - before.cpuMs) / seconds,
    ...{
      memoryMb: memory,
      connections,
      startMs: median(starts),
      start99Ms: percentile(starts, 0.99),
      probes: starts.length,
    },
    ...(loaded ? { attempts: (after.attempts - before.attempts) / seconds } : {}),
  };
}

/** Keeps both workers busy with tasks of 50 ms. */
function load(producer) {
  let over = false;
  const adding = (async () => {
    const slots = WORKERS * SLOTS;
    while (!over) {
      const open = await target.open('load');
      if (open < 10 * slots)
        await producer.enqueue(Array.from({ length: 10 * slots }, () => ({ task_type: 'load', priority: 1 })));
      else await pause(100);
    }
  })();
  const stop = () => {
    over = true;
    return adding;
  };
  return { stop };
}

/** One task each 100 ms; milliseconds from before it is added until its handler begins. */
async function probed(producer, forMs) {
  const end = now() + forMs;
  const from = started().length;
  let added = 0;
  for (; now() < end; added += 1) {
    await producer.enqueue([{ task_type: 'probe', priority: 10, task_data: { at: now() } }]);
    await pause(PROBE_MS);
  }
  await until(() => started().length >= from + added, 10_000, 'the last probe has started');
  return started()
    .slice(from)
    .map((one) => one.began - one.at);
}

async function failover(producer) {
  let adding = true;
  const probes = (async () => {
    while (adding) {
      await producer.enqueue([{ task_type: 'probe', priority: 10, task_data: { at: now() } }]).catch(() => {});
      await pause(20);
    }
  })();
  const from = started().length;
  const killed = now();
  const writable = await target.kill(now);
  await until(() => backSince(killed).length >= DEVICES, 90_000, 'all devices are back');
  const back = backSince(killed);
  adding = false;
  await probes;
  const claims = started()
    .slice(from)
    .filter((one) => one.began > writable)
    .map((one) => one.began - writable);
  await pause(1000);
  await target.mend();
  return {
    ...{ writableMs: writable - killed, firstClaimMs: Math.min(...claims) },
    ...{ backHalfMs: back[Math.ceil(DEVICES / 2) - 1] - writable, backAllMs: back[DEVICES - 1] - writable },
    mostConnections: await target.mostConnections(),
    dead: await target.dead(),
  };
}

function startDevices() {
  const each = Math.ceil(DEVICES / PROCESSES);
  return Array.from({ length: PROCESSES }, (_, n) => {
    const first = n * each;
    const part = {
      address: target.address,
      first,
      count: Math.min(each, DEVICES - first),
      perSecond: STARTS / PROCESSES,
    };
    const child = start([fileURLToPath(new URL('./fleet-devices.mjs', import.meta.url))], {
      AFD_BENCH_FLEET: JSON.stringify(part),
    });
    createInterface({ input: child.stdout }).on('line', (line) => reports.push(JSON.parse(line)));
    return child;
  });
}

function realWorkers() {
  writeFileSync(
    join(dir, 'probe.mjs'),
    `import { appendFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
export default (task) => {
  const began = performance.timeOrigin + performance.now();
  appendFileSync(${JSON.stringify(log)}, JSON.stringify({ at: task.task_data.at, began }) + '\\n');
};`,
  );
  writeFileSync(
    join(dir, 'load.mjs'),
    `import { setTimeout } from 'node:timers/promises';\nexport default () => setTimeout(${LOAD_MS});`,
  );
  writeFileSync(log, '');
  const handler = (name) => ({ module: `./${name}.mjs`, isolation: 'none' });
  const config = {
    ...target.config,
    log: { level: 'error' },
    handlers: { probe: handler('probe'), load: handler('load') },
  };
  writeFileSync(join(dir, 'afd.yaml'), JSON.stringify(config), { mode: 0o600 });
  return Array.from({ length: WORKERS }, (_, n) =>
    start([BIN, 'worker', '--device-id', `worker-${n + 1}`, '--slots', String(SLOTS), '-c', join(dir, 'afd.yaml')]),
  );
}

function start(words, more = {}) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NODE_ENV: 'production', ...more };
  const child = spawn(process.execPath, words, { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function openProducer() {
  const { loadConfig } = await core('config/load-config.js');
  const { openContext } = await core('context/context.js');
  const resolved = await loadConfig({ file: join(dir, 'afd.yaml'), env: {}, cwd: dir });
  const context = openContext(resolved, { purpose: 'command', logTo: { write() {} } });
  return { context, producer: await context.producer() };
}

function started() {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function seen(kind) {
  return reports.filter((one) => one.kind === kind).length;
}

/** When each device had its lock again, the first one first. */
function backSince(killed) {
  const at = new Map();
  for (const one of reports)
    if (one.kind === 'database-back' && one.at > killed && !at.has(one.device)) at.set(one.device, one.at);
  return [...at.values()].sort((a, b) => a - b);
}

function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

async function until(done, mostMs, what) {
  for (const end = now() + mostMs; ; await pause(50)) {
    if (await done()) return;
    if (now() > end)
      throw new Error(
        `Waited ${mostMs / 1000} s in vain until ${what}; ${seen('registered')} are registered; ${reports.at(-1)?.message ?? ''}`,
      );
  }
}

function print({ about, devices, without, among, failovers, silent }) {
  const line = (name, { statements, cpuMs, memoryMb, connections, startMs, start99Ms, attempts }) =>
    `| ${name} | ${statements.toFixed(0)} | ${cpuMs.toFixed(0)} | ${memoryMb.toFixed(0)} | ${connections} | ${startMs.toFixed(1)} | ${start99Ms.toFixed(0)} | ${attempts?.toFixed(0) ?? '–'} |`;
  console.log(`Measured on ${about}.

| devices, and ${WORKERS} workers | statements/s | processor time of the server, ms/s | its memory, MB | connections | a task starts after, ms (median) | 99 % | attempts/s |
| --- | --- | --- | --- | --- | --- | --- | --- |
${[line('none, nothing due', without.idle), line(`${devices}, nothing due`, among.idle), line(`${devices}, workers busy`, among.load)].join('\n')}`);
  if (failovers.length > 0)
    console.log(`
| writer killed | next one writable after, s | then first start, s | half of the devices back, s | all back, s | most connections | declared dead |
| --- | --- | --- | --- | --- | --- | --- |
${failovers.map((one, n) => `| ${n + 1} | ${[one.writableMs, one.firstClaimMs, one.backHalfMs, one.backAllMs].map((ms) => (ms / 1000).toFixed(2)).join(' | ')} | ${one.mostConnections} | ${one.dead} |`).join('\n')}`);
  if (silent > 0) console.log(`\n${silent} devices had no confirmed heartbeat for heartbeat_timeout at some time.`);
}
