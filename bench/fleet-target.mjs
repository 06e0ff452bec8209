// The database of `bench/fleet.mjs`: one server, or a cluster whose writer can be killed.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { cpuMs, pidOfServer } from './servers/server-pid.mjs';
import { Servers } from './servers/servers.mjs';

const core = (path) => import(new URL(`../dist/core/${path}`, import.meta.url).href);
const run = promisify(execFile);
const WRITABLE_MS = 10;

/** `url`: of a server; `script`: of a cluster. Neither: a private MariaDB. */
export async function openTarget({ url, script }) {
  const servers = new Servers({ install: false });
  const schema = `afd_fleet_${process.pid}`;
  const tell = async (...words) => (await run(script, words, { timeout: 300_000 })).stdout.trim();
  const members = script === undefined ? [single(url ?? (await servers.get('mariadb')).url)] : await membersOf(tell);
  let at = members[0];
  let admin = await mysql.createConnection(at);
  const rows = async (sql, values) => (await admin.query(sql, values))[0];
  const one = async (sql, values) => Number(Object.values((await rows(sql, values))[0])[0]);
  const move = async (to) => {
    admin.destroy();
    at = to;
    admin = await mysql.createConnection(to);
  };
  const toWriter = async () => {
    if (script !== undefined) await move(members[Number(await tell('primary')) - 1]);
  };
  await toWriter();
  const addresses = members.map((member) => addressIn(member, schema));
  return {
    address: addresses.length === 1 ? addresses[0] : { ...addresses[0], members: addresses },
    config: { database: script === undefined ? { url: urlOf(at, schema) } : { url: urlsOf(members, schema) } },
    /** `most`: connections that it must allow. An account that may not say so has a server that does. */
    async makeSchema(most) {
      const allow = `SET GLOBAL max_connections = ${most}`;
      if (script === undefined) await rows(allow).catch(() => {});
      else for (const n of members.keys()) await tell('sql', String(n + 1), '-e', allow);
      await rows(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
      const { migrateUp } = await core('db/migrate/migrator.js');
      const { tableNames } = await core('db/table-names.js');
      await migrateUp(addressIn(at, schema), tableNames({ task: 'af_crawl_task', prefix: 'af_' }));
    },
    async counters() {
      const ran = await rows(
        "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' AND Variable_name NOT LIKE 'Com\\_show%'",
      );
      const pid = pidOfServer(at);
      return {
        statements: ran.reduce((sum, row) => sum + Number(row.Value), 0),
        cpuMs: pid === undefined ? Number.NaN : cpuMs(pid),
        attempts: await one(`SELECT COUNT(*) FROM ${schema}.af_task_assignment WHERE status = 'completed'`),
      };
    },
    rssMb() {
      const pid = pidOfServer(at);
      return pid === undefined
        ? Number.NaN
        : Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
    },
    /** Of the fleet. */
    connections: () => one('SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = ?', [schema]),
    /** Since this server started. */
    mostConnections: async () => Number((await rows("SHOW GLOBAL STATUS LIKE 'Max_used_connections'"))[0].Value),
    open: (type) =>
      one(
        `SELECT COUNT(*) FROM ${schema}.af_crawl_task WHERE task_type = ? AND status IN ('pending', 'assigned', 'running')`,
        [type],
      ),
    /** Devices whose work was taken from them. */
    dead: () => one(`SELECT COUNT(*) FROM ${schema}.af_task_assignment WHERE status = 'lost'`),
    ...(script === undefined ? {} : { kill, mend }),
    async about() {
      const [row] = await rows('SELECT VERSION() AS version');
      const label = /mariadb/i.test(row.version) ? 'MariaDB' : 'MySQL';
      return `${label} ${row.version.split('-')[0]}${script === undefined ? '' : `, a cluster of ${members.length} on one machine`}`;
    },
    async close() {
      await rows(`DROP DATABASE IF EXISTS ${schema}`).catch(() => {});
      admin.destroy();
      await servers.stop();
    },
  };

  /** Kills the writer; returns when the next one took a write, by `now`. */
  async function kill(now) {
    const writer = Number(await tell('primary'));
    const others = members.filter((_, n) => n !== writer - 1);
    const open = await Promise.all(others.map((member) => mysql.createConnection(member)));
    // A member that is removed from its group ends its sessions.
    for (const connection of open) connection.on('error', () => {});
    process.kill(Number(await tell('pid', String(writer))), 'SIGKILL');
    for (;;) {
      for (const [n, connection] of open.entries()) {
        const taken = await connection.query(`UPDATE ${schema}.af_leader SET name = name WHERE name = 'none'`).then(
          () => true,
          () => false,
        );
        if (!taken) continue;
        const at = now();
        for (const other of open) other.destroy();
        await move(others[n]);
        return at;
      }
      await pause(WRITABLE_MS);
    }
  }

  async function mend() {
    await tell('start');
    await toWriter();
  }
}

async function membersOf(tell) {
  await tell('start');
  const env = Object.fromEntries((await tell('env')).split('\n').map((line) => line.split(/=(.*)/).slice(0, 2)));
  return env.MYSQL_HOSTS.split(',').map((text) => {
    const [host, port] = text.split(':');
    return { host, port: Number(port), user: env.MYSQL_USER, password: env.MYSQL_PASSWORD };
  });
}

function single(url) {
  const { hostname, port, username, password, searchParams } = new URL(url);
  const socket = searchParams.get('socket');
  const at = socket === null ? { host: hostname, port: Number(port || 3306) } : { socketPath: socket };
  return { ...at, user: decodeURIComponent(username), password: decodeURIComponent(password) };
}

function addressIn(member, schema) {
  return { ...member, database: schema };
}

function urlOf({ host = 'localhost', port = 3306, socketPath, user, password = '' }, schema) {
  const socket = socketPath === undefined ? '' : `?socket=${encodeURIComponent(socketPath)}`;
  return `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${schema}${socket}`;
}

function urlsOf(members, schema) {
  const hosts = members.map(({ host, port }) => `${host}:${port}`).join(',');
  const [{ user, password }] = members;
  return `mysql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${hosts}/${schema}`;
}
