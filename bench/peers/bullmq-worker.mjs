import { Worker } from 'bullmq';
import { RESULT, ran } from '../tally.mjs';
import { settings, untilGo } from './worker-side.mjs';

const work = async (job) => {
  ran(job.data.id);
  return RESULT;
};
const worker = new Worker('bench', work, {
  connection: settings.connection,
  concurrency: settings.slots,
  autorun: false,
});
await worker.waitUntilReady();
await untilGo();
await worker.run();
