// pg-boss on PostgreSQL. `defaults`: `slots` calls of work(), each of which fetches one job and polls again two seconds
// later. `batches`: the same calls, 1,000 jobs a fetch, polling as often as it allows. Keeps finished jobs; the output is
// stored when a fetch brought one job.

import { forkedFleet } from './forked-fleet.mjs';
import { versionOf } from './install.mjs';
import { payload, range } from './payload.mjs';
import { openDatabase } from './postgres-database.mjs';

const BULK = 1000;

export const pgboss = {
  name: 'pgboss',
  profiles: { defaults: { share: 0.01 }, batches: { share: 2.5 } },
  stores: 'output, in the profile `defaults`',
  async open(profile, { servers }) {
    const { default: PgBoss } = await import('pg-boss');
    const { about } = await servers.get('postgres');
    const database = await openDatabase(servers, `pgboss_${profile}`);
    let boss;
    const job = (id) => ({ name: 'bench', data: payload(id) });
    const insert = (ids) => boss.insert(ids.map(job));
    const count = async (condition) => {
      const { rows } = await database.query(
        `SELECT COUNT(*)::int AS n FROM pgboss.job WHERE name = 'bench' AND ${condition}`,
      );
      return rows[0].n;
    };
    return {
      about: `pg-boss ${versionOf('pg-boss')} on ${about}`,
      async reset() {
        await boss?.stop({ graceful: false, wait: true });
        await database.reset();
        boss = new PgBoss({ connectionString: database.url, supervise: false, max: 20 });
        boss.on('error', () => {});
        await boss.start();
        await boss.createQueue('bench');
      },
      async preload(n) {
        for (const some of range(n, BULK)) await insert(some);
        await database.query('ANALYZE');
      },
      addOne: (id) => boss.send('bench', payload(id)),
      bulk: BULK,
      addBulk: insert,
      startWorkers: (options) => forkedFleet('./pgboss-worker.mjs', { ...options, profile, url: database.url }),
      async unfinished() {
        const { rows } = await database.query(
          "SELECT EXISTS (SELECT 1 FROM pgboss.job WHERE name = 'bench' AND state < 'completed') AS some",
        );
        return rows[0].some ? 1 : 0;
      },
      async finished() {
        const { rows } = await database.query(
          "SELECT output FROM pgboss.job WHERE name = 'bench' AND output IS NOT NULL LIMIT 1",
        );
        return {
          done: await count("state = 'completed'"),
          failed: await count("state <> 'completed'"),
          result: rows[0]?.output,
        };
      },
      serverPid: async () => (await servers.get('postgres')).pid,
      storesResult: profile === 'defaults',
      stored: () => count('TRUE'),
      async close() {
        await boss?.stop({ graceful: false, wait: true });
        await database.close();
      },
    };
  },
};
