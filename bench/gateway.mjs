// What a gateway costs and carries: one gateway process, the database on the same machine.
//   mixed    heartbeats, claims and results of plain devices: requests per second, p50 and p99, errors; processor time and
//            statements of a request
//   drain    no-op tasks through remote workers and through direct workers, in turn: tasks per second, and the ratio
//   pickup   from POST /api/v1/tasks to the first line of a remote worker's handler
//   idle     devices that wait for work: memory of the gateway, statements of the database, a claim's latency meanwhile
//   secure   mixed, by turns in clear without keys, and over TLS with a key for each device: what both cost
//   node bench/gateway.mjs [--only mixed,drain,pickup,secure,idle] [--seconds 15] [--tasks 20000] [--reps 3] [--devices 10000]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mysql from 'mysql2/promise';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { machine } from './machine.mjs';
import { median } from './median.mjs';
import { cpuMs } from './servers/server-pid.mjs';

await bootstrap();
const { Servers } = await import('./servers/servers.mjs');
const { values: given } = parseArgs({
  options: {
    only: { type: 'string', default: 'mixed,drain,pickup,secure,idle' },
    seconds: { type: 'string', default: '15' },
    tasks: { type: 'string', default: '20000' },
    reps: { type: 'string', default: '3' },
    devices: { type: 'string', default: '10000' },
    server: { type: 'string', default: 'mariadb' },
  },
});
const [SECONDS, TASKS, REPS, DEVICES] = [given.seconds, given.tasks, given.reps, given.devices].map(Number);
const BIN = fileURLToPath(new URL('../bin/run.js', import.meta.url));
const [WORKERS, SLOTS] = [4, 50];
/** Devices that ask at the same time in `mixed`. */
const MIXED = 64;
const mixedIds = Array.from({ length: MIXED }, (_, n) => `mixed-${n}`);
const PICKUPS = 200;
const LIMIT_MS = 300_000;

const about = await machine();
const servers = new Servers({ install: false });
const dir = mkdtempSync(join(tmpdir(), 'afd-bench-gateway-'));
const { url, pid: serverPid } = await servers.get(given.server);
const database = await mysql.createConnection(url);
const rows = async (sql, values = []) => (await database.query(sql, values))[0];
const env = { PATH: process.env.PATH, HOME: process.env.HOME };
const STARTS = join(dir, 'starts');
writeFileSync(STARTS, '');
writeFileSync(join(dir, 'noop.mjs'), 'export default () => ({ ok: true });');
writeFileSync(
  join(dir, 'first-line.mjs'),
  `import { appendFileSync } from 'node:fs';
export default (task) => {
  appendFileSync(${JSON.stringify(STARTS)}, \`\${task.task_data.key} \${process.hrtime.bigint()}\\n\`);
};
`,
);
const handlers = {
  noop: { module: './noop.mjs', isolation: 'none' },
  first: { module: './first-line.mjs', isolation: 'none' },
};
const configured = (name, more) =>
  writeFileSync(join(dir, `${name}.yaml`), JSON.stringify({ log: { level: 'info' }, handlers, ...more }), {
    mode: 0o600,
  });
configured('direct', { database: { url } });

const children = new Set();
function start(...args) {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.add(child);
  child.said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    child.said = (child.said + text).slice(-50_000);
  });
  child.ended = new Promise((resolve) => child.once('exit', resolve)).then(() => children.delete(child));
  return child;
}
async function end(child) {
  child.kill('SIGTERM');
  await child.ended;
}
async function until(what, ask) {
  const late = performance.now() + LIMIT_MS;
  while (performance.now() < late) {
    const found = await ask();
    if (found) return found;
    await pause(10);
  }
  throw new Error(`${what} did not come`);
}

const kept = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'fifo' };
const agent = new Agent(kept);
/** Where calls go; one that speaks TLS and asks for keys has an agent of its own, and the headers of each device. */
let gateway;
/** One call, by a device with its key. Returns its status, body and milliseconds; status 0 = no answer. */
function call(method, path, body, device) {
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (status, text) =>
      resolve({ status, json: text === '' ? undefined : JSON.parse(text), ms: performance.now() - began });
    const sent = (gateway.agent === undefined ? request : secureRequest)(
      `${gateway.url}${path}`,
      {
        method,
        agent: gateway.agent ?? agent,
        headers: { 'content-type': 'application/json', ...gateway.headersOf?.(device) },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => done(answer.statusCode, text));
        answer.on('error', () => done(0, ''));
      },
    );
    sent.on('error', () => done(0, ''));
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
const register = (device_id, type) =>
  call(
    'POST',
    '/api/v1/devices/register',
    { device_id, device_type: 'worker', capabilities: { supported_tasks: [type], max_concurrent: 5 } },
    device_id,
  );

async function addRows(type, count) {
  const some = Array.from({ length: 1000 }, () => [type]);
  await database.beginTransaction();
  for (let n = 0; n < count; n += 1000)
    await database.query('INSERT INTO af_crawl_task (task_type) VALUES ?', [some.slice(0, Math.min(1000, count - n))]);
  await database.commit();
}
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
const ms = (value) => `${value.toFixed(1)} ms`;
const tell = (name, text) => console.log(`${name}: ${text}`);

/** Processor time, statements and commits of what happens between two calls, by request. The clients are this process. */
async function costs() {
  const counters = async () =>
    Object.fromEntries(
      (
        await rows(
          "SHOW GLOBAL STATUS WHERE Variable_name IN ('Questions', 'Com_commit', 'Com_select', 'Com_update', 'Com_insert')",
        )
      ).map((row) => [row.Variable_name, Number(row.Value)]),
    );
  const read = async () => ({
    gateway: cpuMs(gateway.child.pid),
    database: cpuMs(serverPid),
    clients: process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
    ...(await counters()),
  });
  const before = await read();
  return async (requests) => {
    const after = await read();
    const each = (name) => (after[name] - before[name]) / requests;
    const us = (name) => `${name} ${Math.round(each(name) * 1000)} µs`;
    return `processor time of a request: ${us('gateway')}, ${us('database')}, ${us('clients')}; ${each('Questions').toFixed(2)} statements of it, ${each('Com_commit').toFixed(2)} commits`;
  };
}

async function mixed() {
  const { rate, p50, p99, errors, cost } = await mixedRun();
  const wrong = errors === undefined ? 'no error' : `errors ${errors}`;
  tell('mixed', `${Math.round(rate)} requests/s of ${MIXED} devices, p50 ${ms(p50)}, p99 ${ms(p99)}; ${wrong}`);
  tell('mixed', cost);
}

async function mixedRun() {
  await addRows('plain', SECONDS * 1500);
  const times = [];
  const statuses = {};
  const ends = performance.now() + SECONDS * 1000;
  const ask = async (...args) => {
    const answer = await call(...args);
    times.push(answer.ms);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    return answer;
  };
  const ids = mixedIds;
  await Promise.all(ids.map((id) => register(id, 'plain')));
  const cost = await costs();
  const began = performance.now();
  await Promise.all(
    ids.map(async (id) => {
      while (performance.now() < ends) {
        const { status, json } = await ask('GET', `/api/v1/tasks/next?device_id=${id}`, undefined, id);
        if (status === 200)
          await ask(
            'POST',
            `/api/v1/tasks/${json.task_id}/result`,
            {
              ...{ device_id: id, status: 'completed', result: { records_processed: 1 } },
              ...{ attempt: json.attempt, claim_token: json.claim_token },
            },
            id,
          );
        const beat = { status: 'online', system_info: { active_tasks: 0 } };
        await ask('POST', `/api/v1/devices/${id}/heartbeat`, beat, id);
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  const wrong = Object.entries(statuses).filter(([status]) => !['200', '204'].includes(status));
  return {
    rate: times.length / seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    errors: wrong.length === 0 ? undefined : JSON.stringify(Object.fromEntries(wrong)),
    cost: await cost(times.length),
  };
}

/** By turns, on one database, at two gateways of which one is idle. */
async function secure() {
  const plain = gateway;
  const [key, cert] = ['gateway.key', 'gateway.pem'].map((name) => join(dir, name));
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
  ]);
  if (made.status !== 0) throw new Error(String(made.stderr));
  const server = { host: '127.0.0.1', tls_cert: cert, tls_key: key, auth: 'keys' };
  configured('secure', { database: { url }, server });
  const config = ['--config', join(dir, 'secure.yaml')];
  const keys = new Map();
  for (const id of mixedIds) {
    const create = ['keys', 'create', id, '--role', 'device', '--device', id, '--json'];
    const created = spawnSync(process.execPath, [BIN, ...create, ...config], { env, encoding: 'utf8' });
    if (created.status !== 0) throw new Error(created.stderr);
    keys.set(id, JSON.parse(created.stdout).text);
  }
  const child = start('gateway', '--port', '0', ...config);
  const [, where] = await until('the gateway', () => {
    if (child.exitCode !== null) throw new Error(child.said);
    return /answers at (https:\S+)/.exec(child.said);
  });
  const over = {
    ...{ child, url: where, agent: new SecureAgent({ ...kept, ca: readFileSync(cert) }) },
    headersOf: (device) => ({ authorization: `Bearer ${keys.get(device)}` }),
  };
  const runs = { plain: [], secure: [] };
  for (let n = 0; n < REPS; n += 1)
    for (const how of n % 2 === 0 ? ['plain', 'secure'] : ['secure', 'plain']) {
      gateway = how === 'plain' ? plain : over;
      runs[how].push(await mixedRun());
    }
  gateway = plain;
  over.agent.destroy();
  await end(child);
  for (const [how, all] of Object.entries(runs)) {
    const errors = all.map((one) => one.errors).filter((one) => one !== undefined);
    tell(
      'secure',
      `${how}: ${Math.round(median(all.map((one) => one.rate)))} requests/s, p99 ${ms(median(all.map((one) => one.p99)))}; ${errors.length === 0 ? 'no error' : errors.join(' ')}`,
    );
  }
  const ratio = median(runs.secure.map((one, n) => one.rate / runs.plain[n].rate));
  tell('secure', `TLS and a key: ratio ${ratio.toFixed(2)} (${REPS} repetitions)`);
}

/** Tasks per second of four workers that are idle when the tasks come. */
async function drained(how) {
  await rows("DELETE FROM af_crawl_task WHERE task_type = 'noop'");
  const workers = Array.from({ length: WORKERS }, (_, n) =>
    start('worker', '--config', join(dir, `${how}.yaml`), '--device-id', `${how}-${n}`, '--slots', String(SLOTS)),
  );
  await until('the workers', async () => {
    const [{ n }] = await rows("SELECT COUNT(*) AS n FROM af_device WHERE device_id LIKE ? AND status = 'online'", [
      `${how}-%`,
    ]);
    return Number(n) === WORKERS;
  });
  await pause(2000);
  const began = performance.now();
  await addRows('noop', TASKS);
  await until('the end of the tasks', async () => {
    const [{ n }] = await rows("SELECT COUNT(*) AS n FROM af_crawl_task WHERE task_type = 'noop' AND status = 'done'");
    return Number(n) === TASKS;
  });
  const rate = TASKS / ((performance.now() - began) / 1000);
  await Promise.all(workers.map(end));
  return rate;
}
async function drain() {
  const rates = { direct: [], remote: [] };
  for (let n = 0; n < REPS; n += 1)
    for (const how of n % 2 === 0 ? ['direct', 'remote'] : ['remote', 'direct']) rates[how].push(await drained(how));
  const ratio = median(rates.remote.map((one, n) => one / rates.direct[n]));
  tell(
    'drain',
    `${WORKERS} × ${SLOTS}, ${TASKS} no-op tasks: direct ${Math.round(median(rates.direct))}/s, remote ${Math.round(median(rates.remote))}/s, ratio ${ratio.toFixed(2)} (${REPS} repetitions)`,
  );
}

async function pickup() {
  const worker = start('worker', '--config', join(dir, 'remote.yaml'), '--device-id', 'pickup', '--slots', '5');
  await until(
    'the worker',
    async () => (await rows("SELECT id FROM af_device WHERE device_id = 'pickup' AND status = 'online'")).length > 0,
  );
  await pause(2000);
  const spaced = [];
  for (const [what, between] of [
    ['80 to 160 ms', () => 80 + Math.random() * 80],
    ['20 ms', () => 20],
  ]) {
    const took = await pickups(between, spaced.length);
    spaced.push(`a task each ${what}: p50 ${ms(quantile(took, 0.5))}, p99 ${ms(quantile(took, 0.99))}`);
  }
  await end(worker);
  tell('pickup', `from POST /api/v1/tasks to the handler's first line, ${PICKUPS} tasks, ${spaced.join('; ')}`);
}

/** Nothing is looked for while the way is measured: the handler writes down when it began. */
async function pickups(between, round) {
  const began = new Map();
  for (let n = 0; n < PICKUPS; n += 1) {
    const key = `k${round}-${n}`;
    began.set(key, process.hrtime.bigint());
    const { status } = await call('POST', '/api/v1/tasks', { task_type: 'first', task_data: { key } });
    if (status !== 201) throw new Error(`POST /api/v1/tasks answered ${status}`);
    const left = between() - Number(process.hrtime.bigint() - began.get(key)) / 1e6;
    if (left > 0) await pause(left);
  }
  const lines = () =>
    readFileSync(STARTS, 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([key]) => began.has(key));
  await until('the first lines', () => lines().length === PICKUPS);
  return lines().map(([key, at]) => Number(BigInt(at) - began.get(key)) / 1e6);
}

async function idle() {
  const resident = () =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${gateway.child.pid}/status`, 'utf8'))[1]) / 1024;
  const asked = async () => Number((await rows("SHOW GLOBAL STATUS LIKE 'Questions'"))[0].Value);
  const before = resident();
  const ids = Array.from({ length: DEVICES }, (_, n) => `idle-${n}`);
  const rest = [...ids];
  await Promise.all(
    Array.from({ length: MIXED }, async () => {
      for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
        let { status } = await register(id, 'rare');
        // As a device does.
        while (status === 503 || status === 429) {
          await pause(1000);
          status = (await register(id, 'rare')).status;
        }
        if (status !== 200) throw new Error(`registering ${id}: ${status}`);
      }
    }),
  );
  let over = false;
  let waiting = 0;
  let errors = 0;
  let got = () => {};
  const polls = ids.map(async (id) => {
    while (!over) {
      waiting += 1;
      const { status, json } = await call('GET', `/api/v1/tasks/next?device_id=${id}&wait=50`);
      waiting -= 1;
      if (status === 200) {
        got();
        await call('POST', `/api/v1/tasks/${json.task_id}/result`, { device_id: id, status: 'completed' });
      } else if (status !== 204 && !over) {
        errors += 1;
        await pause(1000);
      }
    }
  });
  await until('all devices wait', () => waiting >= DEVICES * 0.999);
  await pause(5000);
  const [from, began] = [await asked(), performance.now()];
  await pause(SECONDS * 1000);
  const statements = ((await asked()) - from - 1) / ((performance.now() - began) / 1000);
  const took = [];
  for (let n = 0; n < 50; n += 1) {
    const claimed = new Promise((resolve) => {
      got = resolve;
    });
    const at = performance.now();
    await call('POST', '/api/v1/tasks', { task_type: 'rare' });
    await claimed;
    took.push(performance.now() - at);
    await pause(50);
  }
  const [memory, held] = [resident(), waiting];
  over = true;
  await end(gateway.child);
  agent.destroy();
  await Promise.all(polls);
  tell(
    'idle',
    `${held} devices wait at one process: ${Math.round(memory)} MB resident (${Math.round(before)} MB before), ${statements.toFixed(1)} statements/s; a claim meanwhile p50 ${ms(quantile(took, 0.5))}, p99 ${ms(quantile(took, 0.99))}; ${errors} errors`,
  );
}

try {
  const migrated = spawnSync(process.execPath, [BIN, 'migrate', 'up', '--yes', '--config', join(dir, 'direct.yaml')], {
    env,
    encoding: 'utf8',
  });
  if (migrated.status !== 0) throw new Error(migrated.stderr);
  const child = start('gateway', '--port', '0', '--config', join(dir, 'direct.yaml'));
  const [, where] = await until('the gateway', () => {
    if (child.exitCode !== null) throw new Error(child.said);
    return /answers at (http:\S+)/.exec(child.said);
  });
  gateway = { child, url: where };
  configured('remote', { worker: { gateway: where, journal: './journal' } });
  console.log(about);
  const parts = { mixed, drain, pickup, secure, idle };
  // The last one ends the gateway.
  for (const name of Object.keys(parts).filter((one) => given.only.split(',').includes(one))) await parts[name]();
} finally {
  await Promise.all([...children].map(end));
  await database.end();
  await servers.stop();
  rmSync(dir, { recursive: true, force: true });
}
process.exit();
