// graphile-worker on PostgreSQL, with its defaults and with its local queue (prefetch) and batched completion. It deletes a
// job when it is done and stores no result: that nothing is left, and the handlers' tally, is what proves a run.

import { forkedFleet } from './forked-fleet.mjs';
import { versionOf } from './install.mjs';
import { payload, range } from './payload.mjs';
import { openDatabase } from './postgres-database.mjs';

const BULK = 1000;

export const graphile = {
  name: 'graphile',
  profiles: { defaults: { share: 0.5 }, 'local-queue': { share: 5 } },
  stores: null,
  async open(profile, { servers }) {
    const { makeWorkerUtils, Logger } = await import('graphile-worker');
    const logger = new Logger(() => () => {});
    const { about } = await servers.get('postgres');
    const database = await openDatabase(servers, `graphile_${profile.replace('-', '_')}`);
    let utils;
    let added = 0;
    const spec = (id) => ({ identifier: 'bench', payload: payload(id) });
    const left = async () => {
      const { rows } = await database.query('SELECT COUNT(*)::int AS n FROM graphile_worker.jobs');
      return rows[0].n;
    };
    return {
      about: `graphile-worker ${versionOf('graphile-worker')} on ${about}`,
      async reset() {
        await utils?.release();
        await database.reset();
        utils = await makeWorkerUtils({ connectionString: database.url, logger, maxPoolSize: 20 });
        await utils.migrate();
        added = 0;
      },
      async preload(n) {
        for (const some of range(n, BULK)) await utils.addJobs(some.map(spec));
        added += n;
        await database.query('ANALYZE');
      },
      async addOne(id) {
        await utils.addJob('bench', payload(id));
        added += 1;
      },
      bulk: BULK,
      async addBulk(ids) {
        await utils.addJobs(ids.map(spec));
        added += ids.length;
      },
      startWorkers: (options) => forkedFleet('./graphile-worker.mjs', { ...options, profile, url: database.url }),
      unfinished: left,
      async finished() {
        const n = await left();
        return { done: added - n, failed: n };
      },
      stored: left,
      serverPid: async () => (await servers.get('postgres')).pid,
      storesResult: false,
      async close() {
        await utils?.release();
        await database.close();
      },
    };
  },
};
