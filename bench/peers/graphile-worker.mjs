import { Logger, run } from 'graphile-worker';
import pg from 'pg';
import { ran } from '../tally.mjs';
import { settings, untilGo } from './worker-side.mjs';

const { slots, profile, url } = settings;
const logger = new Logger(() => () => {});
// As its documentation advises: the number of jobs at once + 2.
const pgPool = new pg.Pool({ connectionString: url, max: Math.max(10, slots + 2) });
pgPool.on('error', () => {});
const taskList = {
  bench: async ({ id }) => ran(id),
};
const prefetch = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
await pgPool.query('SELECT 1');
await untilGo();
const preset = { worker: { concurrentJobs: slots, ...(profile === 'local-queue' ? prefetch : {}) } };
const runner = await run({ pgPool, taskList, logger, preset, noHandleSignals: true });
await runner.promise;
