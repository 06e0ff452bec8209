// What 1,000 idle devices ask of the database each second, by sending just that from a few connections: 900 ticks and 100
// heartbeats; and what the leader's watcher and a sender of rings add. Processor time of the server, and of single reads.
//   node bench/idle-budget.mjs [devices]     a private, durable MariaDB; or the server of AFD_DATABASE_URL (migrated, no fleet on it)
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuMs, pidOfServer } from './servers/server-pid.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const core = (path) => import(join(ROOT, 'dist/core', path));
const devices = Number(process.argv[2] ?? 1000);
const CONNECTIONS = 20;
const SECONDS = 5;

const { hostFrom } = await core('server/host.js');
const { startServer, stopServer } = await core('server/embedded-server.js');
const { migrateUp } = await core('db/migrate/migrator.js');
const { Session } = await core('db/session.js');
const { tableNames } = await core('db/table-names.js');
const { tick } = await core('db/lanes/tick.js');
const { heartbeatStatement, historyStatement } = await core('db/devices/heartbeat-device.js');
const { settingsStatement } = await core('db/settings/read-settings.js');
const { ringTarget, ringTargetsStatement } = await core('db/devices/ring-targets.js');
const { dueStatement } = await core('db/lanes/due-work.js');
const { laneKey } = await core('domain/lane-key.js');

const dir = mkdtempSync(join(tmpdir(), 'afd-budget-'));
const host = hostFrom(process);
const given = process.env.AFD_DATABASE_URL;
const url = new URL(given ?? (await startServer({ dir, host, durability: 'durable' })).url);
const socket = url.searchParams.get('socket');
const address = {
  ...(socket === null ? { host: url.hostname, port: Number(url.port || 3306) } : { socketPath: socket }),
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password),
  database: url.pathname.slice(1),
};
const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const options = { address, timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 10_000, multiStatements: true };
const sessions = Array.from({ length: CONNECTIONS }, () => new Session(options));
const NAME = (n) => `budget-${n}`;

try {
  await migrateUp(address, names);
  await Promise.all(sessions.map((one) => one.ready()));
  const [first] = sessions;
  await first.write(`DELETE FROM ${names.device} WHERE device_id LIKE 'budget-%'`);
  const token = randomBytes(16);
  const capabilities = JSON.stringify({ supported_tasks: ['a', 'b', 'c'], browser: true, memory_gb: 16 });
  const row = (n) => [NAME(n), NAME(n), 'worker', '127.0.0.1', 9, 'online', capabilities, 5, token, token, `lock-${n}`];
  await first.write(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, capabilities,
       max_concurrent_tasks, instance_token, ring_token, lock_name) VALUES ?`,
    [Array.from({ length: devices }, (_, n) => row(n))],
  );
  const ranks = ['a', 'b', 'c'].map((type) => ({ lane: laneKey(type, null), claim_rank: 5 }));
  const known = ranks.map((one) => ({ ...one, able: null }));
  const ask = (n) => ({
    ...{ device_id: NAME(n), ranks, lanes: { types: ['a', 'b', 'c'], known }, trustAfterStartS: 15 },
    withOpen: n % 2 === 0,
  });
  const beat = (n) => ({
    ...{
      device_id: NAME(n),
      instance_token: token,
      status: 'online',
      active_tasks: 0,
      recent_claims: 0,
      over_limits: [],
    },
  });
  const readings = { cpu_usage: 3, memory_usage: 40, disk_usage: 50, system_info: { platform: 'linux' } };
  const batches = {
    tick: (session, n) => tick(session, names, ask(n)),
    heartbeat: (session, n) =>
      session.batch([
        heartbeatStatement(names, beat(n)),
        historyStatement(names, beat(n), readings),
        settingsStatement(names),
      ]),
  };
  const pid = pidOfServer(address);
  /** Sends `perSecond` statements per second, evenly over the connections. Returns milliseconds of server time per second. */
  const spent = async (what, perSecond) => {
    const gap = (1000 * CONNECTIONS) / perSecond;
    const end = performance.now() + SECONDS * 1000;
    let sent = 0;
    const before = cpuMs(pid);
    await Promise.all(
      sessions.map(async (session, k) => {
        await pause((gap * k) / CONNECTIONS);
        for (let next = performance.now(); next < end; next += gap) {
          await pause(Math.max(0, next - performance.now()));
          await batches[what](session, (sent * 7919) % devices);
          sent += 1;
        }
      }),
    );
    const each = (cpuMs(pid) - before) / sent;
    console.log(
      `${what.padEnd(10)} ${(sent / SECONDS).toFixed(0).padStart(5)}/s sent   ${each.toFixed(3)} ms of the server each`,
    );
    return each;
  };
  const idle = cpuMs(pid);
  await pause(2000);
  const base = (cpuMs(pid) - idle) / 2;
  const [[{ version }]] = [await first.rows('SELECT VERSION() AS version')];
  console.log(`${version}, ${devices} device rows, server at rest ${base.toFixed(1)} ms/s`);
  const [t, h] = [await spent('tick', devices * 0.9), await spent('heartbeat', devices * 0.1)];
  const total = devices * (0.9 * t + 0.1 * h);
  console.log(
    `${devices} idle devices: ${devices} round trips/s, ${devices * 1.2} statements/s, ${total.toFixed(0)} ms/s of one core`,
  );
  const median = async (name, work) => {
    const times = [];
    for (let n = 0; n < 50; n += 1) {
      const began = performance.now();
      await work();
      times.push(performance.now() - began);
    }
    console.log(`${name.padEnd(44)} p50 ${times.sort((a, b) => a - b)[25].toFixed(2)} ms`);
  };
  const targets = ringTargetsStatement(names);
  await median('read of the devices by a sender', async () =>
    (await first.rows(targets.sql, targets.values)).map(ringTarget),
  );
  const poll = dueStatement(names, undefined, ranks);
  await median('poll of the watcher for three lanes', () => first.rows(poll.sql, poll.values));
  await first.write(`DELETE FROM ${names.device} WHERE device_id LIKE 'budget-%'`);
  await first.write(`DELETE FROM ${names.heartbeat} WHERE device_id LIKE 'budget-%'`);
} finally {
  await Promise.all(sessions.map((one) => one.close()));
  if (given === undefined) await stopServer(dir, host, 0);
  rmSync(dir, { recursive: true, force: true });
}
