// What it costs when a worker may only EXECUTE procedures (execute-only/procedures.mjs), compared with afd's own statements by the
// account of `afd db grants --role worker`: the same claims and ends, in turns, in one run. The procedures are at their best:
// a claim and ends are one round trip, where afd needs two. Sessions send as fast as the server answers; no task runs.
import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import { bootstrap } from '../scripts/bootstrap.mjs';
import { readOptions } from '../scripts/usage.mjs';
import { callsOf, executeOnlyAccount, procedureStatements } from './execute-only/procedures.mjs';
import { machine } from './machine.mjs';
import { median } from './median.mjs';

const USAGE = `Usage: node bench/execute-only.mjs [options]

Compares claims, ends and renewals by afd's statements with the same by procedures and EXECUTE alone. About a minute.

  --url URL        server to measure on, mysql://user:password@host:port/schema; the account makes schemas and accounts
                   (default: a private MariaDB)
  --reps R         repetitions of each row                     (default: 3)
  --sessions S     sessions that claim at the same time        (default: 2)
  --only PART      only the rows whose name contains this
  --json           print one JSON line for each row
`;
const { values: given } = readOptions(USAGE, {
  options: {
    url: { type: 'string' },
    reps: { type: 'string', default: '3' },
    sessions: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
  check: ({ values }) => {
    for (const name of ['reps', 'sessions'])
      if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} takes a whole number, not "${values[name]}".`);
  },
});
const [REPS, SESSIONS] = [given.reps, given.sessions].map(Number);
await bootstrap();
const dist = (file) => import(new URL(`../dist/${file}`, import.meta.url).href);
const { Session } = await dist('core/db/session.js');
const { migrateUp } = await dist('core/db/migrate/migrator.js');
const { tableNames } = await dist('core/db/table-names.js');
const { finishAndClaim } = await dist('core/db/claim/finish-and-claim.js');
const { ANY_WIDTHS } = await dist('core/db/claim/text-widths.js');
const { flushStarts } = await dist('core/db/attempts/flush-starts.js');
const { heartbeatStatement } = await dist('core/db/devices/heartbeat-device.js');
const { grantStatements, PASSWORD } = await dist('core/db/grants/grant-statements.js');
const { Servers } = await import('./servers/servers.mjs');
const { cpuMs, pidOfServer } = await import('./servers/server-pid.mjs');

/** Tasks of one run: about a second of it. */
const ROWS = {
  '1 task, its row at the claim': { limit: 1, deferred: false, tasks: 800 },
  '10 tasks, their rows at the claim': { limit: 10, deferred: false, tasks: 4000 },
  '100 tasks, their rows at the end': { limit: 100, deferred: true, tasks: 10_000 },
};
const RENEWALS = 600;
const STARTS = 10;
const RESULT = { rows: 1500, file: 'x'.repeat(80) };
const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const calls = callsOf(names);
const schema = `afd_bench_execute_${process.pid}`;
const password = randomBytes(12).toString('hex');
const users = { direct: `afd_b_direct_${process.pid}`, procedures: `afd_b_exec_${process.pid}` };

/** Accounts to drop. */
const made = [];

const servers = new Servers({ install: false });
const at = new URL(given.url ?? (await servers.get('mariadb')).url);
const admin = await mysql.createConnection(at.searchParams.has('socket') ? socketOptions(at) : at.href);
const address = addressOf(at);
const server = pidOfServer(address);

function socketOptions(url) {
  const { username, password: word, searchParams } = url;
  return {
    socketPath: searchParams.get('socket'),
    user: decodeURIComponent(username),
    password: decodeURIComponent(word),
  };
}

function addressOf({ hostname, port, searchParams }) {
  const socketPath = searchParams.get('socket');
  return socketPath === null ? { host: hostname, port: Number(port || 3306) } : { socketPath };
}

function sessionOf(way) {
  const account = { user: users[way], password, database: schema };
  const options = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 30_000, multiStatements: true };
  return new Session({ ...options, address: { ...address, ...account } });
}

async function prepare() {
  await admin.query(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
  const { username, password: word } = at;
  const own = { user: decodeURIComponent(username), password: decodeURIComponent(word), database: schema };
  await migrateUp({ ...address, ...own }, names);
  await admin.query(`USE ${schema}`);
  const [[{ version }]] = await admin.query('SELECT VERSION() AS version');
  const dialect = version.includes('MariaDB') ? 'mariadb' : 'mysql';
  const granted = grantStatements(names, 'worker', {
    schema,
    user: users.direct,
    host: '%',
    dialect,
    requireTls: false,
  });
  made.push(...Object.values(users));
  for (const { sql } of granted) await admin.query(sql.replace(PASSWORD, `'${password}'`));
  for (const sql of procedureStatements(names)) await admin.query(sql);
  for (const sql of executeOnlyAccount(names, { schema, user: users.procedures, password })) await admin.query(sql);
  return version;
}

const deviceOf = (n) => ({ device_id: `bench-${n}`, instance_token: Buffer.alloc(16, n + 1) });

async function fill(tasks) {
  for (const table of [names.task, names.assignment, names.device]) await admin.query(`TRUNCATE TABLE ${table}`);
  const devices = Array.from({ length: SESSIONS }, (_, n) => deviceOf(n));
  await admin.query(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, instance_token, last_heartbeat)
     VALUES ${devices.map(() => "(?, 'bench', 'worker', '127.0.0.1', 0, 'online', ?, UTC_TIMESTAMP(3))").join(', ')}`,
    devices.flatMap((one) => [one.device_id, one.instance_token]),
  );
  if (tasks === 0) return undefined;
  const row = ['bench', JSON.stringify({ page: 1, cookie: 'x'.repeat(100) })];
  for (let n = 0; n < tasks; n += 2000)
    await admin.query(`INSERT INTO ${names.task} (task_type, task_data) VALUES ?`, [
      Array(Math.min(2000, tasks - n)).fill(row),
    ]);
  const [[lane]] = await admin.query(`SELECT lane, claim_rank FROM ${names.task} LIMIT 1`);
  return lane;
}

const hex = (token) => token.toString('hex');
const WAYS = {
  direct: {
    async exchange(session, owner, ended, claim) {
      const { limit, lane, claim_rank, cursor, claim_token, lease_s, deferred } = claim;
      const { claimed, reconciled } = await finishAndClaim(session, names, {
        ...owner,
        finishes: ended.map((one) => ({
          ...{ task_id: one.id, task_type: one.task_type, attempt: one.attempt + 1, assignment_id: one.assignment_id },
          ...{ claim_token: one.claim_token, age_ms: 5, outcome: { kind: 'done', result: RESULT, enqueue: [] } },
        })),
        claim: {
          ...{ claim_token, limit, free: limit, short: limit, alone: false, countFirst: false, ticket: false },
          sources: [{ kind: 'lane', lane, claim_rank, cursor }],
          mostFrom: () => limit,
          leaseOf: () => lease_s,
          admit: () => (deferred ? 'defer' : 'record'),
        },
        policy: { maxRetryCount: 3, backoff: () => 30 },
        widths: ANY_WIDTHS,
      });
      return { claimed, written: reconciled.filter((one) => one.kind === 'accepted').length };
    },
    async renew(session, owner, starts) {
      const beat = { ...owner, status: 'busy', active_tasks: starts.length, recent_claims: starts.length };
      const { sql, values } = heartbeatStatement(names, { ...beat, over_limits: [], stuck: [] });
      await session.write(sql, values);
      return starts.length - (await flushStarts(session, names, starts)).length;
    },
  },
  procedures: {
    async exchange(session, owner, ended, claim) {
      const ends = ended.map(({ id, assignment_id, claim_token }) => ({
        ...{
          task_id: id,
          assignment_id,
          token: hex(claim_token),
          completed: 1,
          age_us: 5000,
          result: JSON.stringify(RESULT),
        },
      }));
      const end = ends.length === 0 ? [] : [calls.end(owner, ends)];
      const results = await session.batch([
        { sql: 'START TRANSACTION' },
        ...end,
        calls.claim(owner, claim),
        { sql: 'COMMIT' },
      ]);
      const sets = results.filter(Array.isArray);
      const written = end.length === 0 ? 0 : Number(sets.shift()[0].written);
      return { claimed: sets[0] ?? [], written };
    },
    async renew(session, owner, starts) {
      const told = starts.map((one) => ({ ...one, token: hex(one.claim_token), age_us: one.age_ms * 1000 }));
      const { sql, values } = calls.renew(owner, { active: starts.length, starts: told });
      const [[{ begun }]] = await session.rows(sql, values);
      return Number(begun);
    },
  },
};

/** One device: claims, and ends what it has claimed with its next claim, until nothing is left. Returns its number of ends. */
async function drain(way, session, owner, { lane, limit, deferred }) {
  let [ended, cursor, count] = [[], undefined, 0];
  for (;;) {
    const claim_token = randomBytes(16);
    const claim = { claim_token, ...lane, cursor, limit, lease_s: 3600, deferred };
    const { claimed, written } = await WAYS[way].exchange(session, owner, ended, claim);
    if (written !== ended.length) throw new Error(`${way}: ${written} of ${ended.length} ends were written`);
    count += written;
    if (claimed.length === 0) return count;
    const last = claimed.at(-1);
    cursor = { due_at: last.due_at, id: last.id };
    ended = claimed.map((one) => ({ ...one, claim_token }));
  }
}

async function measured(work) {
  const [cpu, begun] = [server === undefined ? undefined : cpuMs(server), performance.now()];
  const n = await work();
  const seconds = (performance.now() - begun) / 1000;
  const us = cpu === undefined ? Number.NaN : ((cpuMs(server) - cpu) * 1000) / n;
  return { per_s: n / seconds, cpu_us: us };
}

async function exchanges(way, { limit, deferred, tasks }) {
  const lane = await fill(tasks);
  const sessions = await opened(way);
  const work = async () => {
    const counts = await Promise.all(sessions.map((one, n) => drain(way, one, deviceOf(n), { lane, limit, deferred })));
    return counts.reduce((a, b) => a + b, 0);
  };
  const told = await measured(work);
  const [[{ done }]] = await admin.query(`SELECT COUNT(*) AS done FROM ${names.task} WHERE status = 'done'`);
  const [[{ rows }]] = await admin.query(
    `SELECT COUNT(*) AS \`rows\` FROM ${names.assignment} WHERE status = 'completed' AND result IS NOT NULL`,
  );
  if (done !== tasks || rows !== tasks)
    throw new Error(`${way}: ${done} tasks and ${rows} attempts of ${tasks} have ended`);
  await Promise.all(sessions.map((one) => one.close()));
  return told;
}

async function opened(way) {
  const sessions = Array.from({ length: SESSIONS }, () => sessionOf(way));
  await Promise.all(sessions.map((one) => one.ready()));
  return sessions;
}

/** Heartbeats, each with the starts of ten attempts. */
async function renewals(way) {
  const lane = await fill(STARTS * SESSIONS);
  const sessions = await opened(way);
  const held = [];
  for (const [n, session] of sessions.entries()) {
    const claim = { claim_token: randomBytes(16), ...lane, limit: STARTS, lease_s: 3600, deferred: false };
    const { claimed } = await WAYS[way].exchange(session, deviceOf(n), [], claim);
    held.push(claimed.map(({ assignment_id }) => ({ assignment_id, claim_token: claim.claim_token, lease_s: 3600 })));
  }
  const each = RENEWALS / SESSIONS;
  const told = await measured(async () => {
    await Promise.all(
      sessions.map(async (session, n) => {
        for (let count = 0; count < each; count += 1) {
          const begun = await WAYS[way].renew(
            session,
            deviceOf(n),
            held[n].map((one) => ({ ...one, age_ms: 1000 + count })),
          );
          if (begun !== STARTS) throw new Error(`${way}: ${begun} of ${STARTS} starts were written`);
        }
      }),
    );
    return each * SESSIONS;
  });
  await Promise.all(sessions.map((one) => one.close()));
  return told;
}

function shown(name, direct, procedures) {
  const of = (list, key) => median(list.map((one) => one[key]));
  const ratio = (key) => median(procedures.map((one, n) => one[key] / direct[n][key]));
  const figures = {
    ...{ per_s_direct: of(direct, 'per_s'), per_s_procedures: of(procedures, 'per_s'), speed: ratio('per_s') },
    ...{ cpu_us_direct: of(direct, 'cpu_us'), cpu_us_procedures: of(procedures, 'cpu_us'), cpu: ratio('cpu_us') },
  };
  if (given.json) return JSON.stringify({ row: name, reps: direct.length, ...figures });
  const round = (one) => (Number.isNaN(one) ? '?' : Math.round(one).toLocaleString('en'));
  const { per_s_direct, per_s_procedures, speed, cpu_us_direct, cpu_us_procedures, cpu } = figures;
  return `| ${name} | ${[per_s_direct, per_s_procedures].map(round).join(' | ')} | ${speed.toFixed(2)} | ${[cpu_us_direct, cpu_us_procedures].map(round).join(' | ')} | ${cpu.toFixed(2)} |`;
}

try {
  const about = await machine();
  const version = await prepare();
  console.log(`${version}, ${SESSIONS} sessions, medians of ${REPS}; ${about}`);
  if (!given.json) {
    console.log('\n| | direct, per s | procedures, per s | speed | server CPU, µs, direct | procedures | CPU |');
    console.log('| --- | --: | --: | --: | --: | --: | --: |');
  }
  const measure = { ...ROWS, [`renewals of ${STARTS} attempts`]: undefined };
  for (const [name, row] of Object.entries(measure)) {
    if (!name.includes(given.only)) continue;
    const seen = { direct: [], procedures: [] };
    // The first of each warms up and is dropped.
    for (let rep = 0; rep <= REPS; rep += 1) {
      for (const way of rep % 2 === 0 ? ['direct', 'procedures'] : ['procedures', 'direct'])
        seen[way].push(await (row === undefined ? renewals(way) : exchanges(way, row)));
    }
    console.log(shown(name, seen.direct.slice(1), seen.procedures.slice(1)));
  }
} finally {
  await admin.query(`DROP DATABASE IF EXISTS ${schema}`);
  for (const user of made) await admin.query(`DROP USER IF EXISTS '${user}'@'%'`);
  await admin.end();
  await servers.stop();
}
