import PgBoss from 'pg-boss';
import { RESULT, ran } from '../tally.mjs';
import { settings, untilGo } from './worker-side.mjs';

const { slots, profile, url } = settings;
const boss = new PgBoss({ connectionString: url });
boss.on('error', (error) => console.error(error));
await boss.start();
await untilGo();
const options = profile === 'batches' ? { batchSize: 1000, pollingIntervalSeconds: 0.5 } : {};
for (let n = 0; n < slots; n += 1) {
  await boss.work('bench', options, async (jobs) => {
    for (const { data } of jobs) ran(data.id);
    return RESULT;
  });
}
