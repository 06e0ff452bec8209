// BullMQ on Redis: its defaults, `concurrency` = slots. Keeps every finished job, with its return value.
import { forkedFleet } from './forked-fleet.mjs';
import { versionOf } from './install.mjs';
import { payload, range } from './payload.mjs';

const BULK = 1000;

export const bullmq = {
  name: 'bullmq',
  profiles: { everysec: { share: 2 } },
  stores: 'returnvalue',
  async open(_profile, { servers }) {
    const { Queue } = await import('bullmq');
    const { host, port, about } = await servers.get('redis');
    const connection = { host, port };
    const queue = new Queue('bench', { connection });
    await queue.waitUntilReady();
    return {
      about: `bullmq ${versionOf('bullmq')} on ${about}`,
      reset: () => queue.obliterate({ force: true }),
      async preload(n) {
        for (const some of range(n, BULK))
          await queue.addBulk(some.map((id) => ({ name: 'bench', data: payload(id) })));
      },
      addOne: (id) => queue.add('bench', payload(id)),
      bulk: BULK,
      addBulk: (ids) => queue.addBulk(ids.map((id) => ({ name: 'bench', data: payload(id) }))),
      startWorkers: (options) => forkedFleet('./bullmq-worker.mjs', { ...options, connection }),
      async unfinished() {
        const { wait, active, prioritized, delayed } = await queue.getJobCounts(
          'wait',
          'active',
          'prioritized',
          'delayed',
        );
        return wait + active + prioritized + delayed;
      },
      async finished() {
        const { completed, failed } = await queue.getJobCounts('completed', 'failed');
        const [last] = await queue.getCompleted(0, 0);
        return { done: completed, failed, result: last?.returnvalue };
      },
      async stored() {
        return (await queue.getJobCounts('wait')).wait;
      },
      serverPid: async () => (await servers.get('redis')).pid,
      storesResult: true,
      close: () => queue.close(),
    };
  },
};
