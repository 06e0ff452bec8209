// Sidequest on the run's MariaDB: its defaults, concurrency = slots. Each process runs its engine in a child, and jobs in
// threads of that. The queue is paused until the clock may start. Keeps finished jobs, with their result.
import mysql from 'mysql2/promise';
import { forkedFleet } from './forked-fleet.mjs';
import { versionOf } from './install.mjs';
import { payload, range } from './payload.mjs';

const PARALLEL = 20;
const SCHEMA = 'afd_bench_sidequest';

export const sidequest = {
  name: 'sidequest',
  profiles: { mariadb: { share: 0.05 } },
  stores: 'result',
  async open(_profile, { servers }) {
    const server = await servers.get('mariadb');
    const { Sidequest } = await import('sidequest');
    const { BenchJob } = await import('./sidequest-job.mjs');
    const { username, password, hostname, port, searchParams } = new URL(server.url);
    const socketPath = searchParams.get('socket');
    const address = {
      user: username,
      password: decodeURIComponent(password),
      ...(socketPath === null ? { host: hostname, port: Number(port) } : { socketPath }),
    };
    const connection = { ...address, database: SCHEMA };
    const sql = await mysql.createConnection({ ...address, decimalNumbers: true });
    const count = async (condition) => {
      const [[row]] = await sql.query(`SELECT COUNT(*) AS n FROM ${SCHEMA}.sidequest_jobs WHERE ${condition}`);
      return row.n;
    };
    let slotsNow = 10;
    const configure = async () => {
      await Sidequest.configure({
        backend: {
          driver: '@sidequest/mysql-backend',
          config: { client: 'mysql2', connection, pool: { min: 1, max: 20 } },
        },
        queues: [{ name: 'default', concurrency: slotsNow }],
        logger: { level: 'error' },
      });
    };
    const addOne = (id) => Sidequest.build(BenchJob).enqueue(payload(id));
    let configured = false;
    return {
      about: `sidequest ${versionOf('sidequest')} on ${server.about}`,
      async reset() {
        if (configured) await Sidequest.stop();
        await sql.query(`DROP DATABASE IF EXISTS ${SCHEMA}`);
        await sql.query(`CREATE DATABASE ${SCHEMA} CHARACTER SET utf8mb4`);
        await configure();
        configured = true;
      },
      async preload(n) {
        for (const some of range(n, PARALLEL)) await Promise.all(some.map(addOne));
      },
      addOne,
      async startWorkers(options) {
        slotsNow = options.slots;
        // Started together, they fail over who makes the row of the queue.
        const fleet = await forkedFleet('./sidequest-worker.mjs', { ...options, connection, inTurn: true });
        await Sidequest.queue.pause('default');
        return { ...fleet, go: () => Sidequest.queue.activate('default') };
      },
      unfinished: () => count("state IN ('waiting', 'claimed', 'running')"),
      async finished() {
        const [[row]] = await sql.query(
          `SELECT result FROM ${SCHEMA}.sidequest_jobs WHERE state = 'completed' LIMIT 1`,
        );
        return {
          done: await count("state = 'completed'"),
          failed: await count("state <> 'completed'"),
          result: row?.result,
        };
      },
      stored: () => count('TRUE'),
      serverPid: async () => server.pid,
      storesResult: true,
      async close() {
        if (configured) await Sidequest.stop();
        await sql.query(`DROP DATABASE IF EXISTS ${SCHEMA}`);
        await sql.end();
      },
    };
  },
};
