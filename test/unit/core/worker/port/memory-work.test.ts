import { randomBytes } from 'node:crypto';
import { MemoryWork } from '../../../../helpers/memory-work.ts';
import { workPortContract } from '../../../../helpers/work-port-contract.ts';

workPortContract('work in memory', async () => {
  const work = new MemoryWork();
  work.policy.maxRetryCount = 2;
  return {
    work,
    add: async (task) => work.add(task),
    claim: (limit, as) => ({
      ...{ claim_token: randomBytes(16), limit, free: limit, alone: false },
      types: { t: { now: limit, later: 0, defer: as === 'defer' } },
    }),
    async task(id) {
      const { status, attempt, retry } = work.tasks.get(id)!;
      return { status, attempt, retry: retry ?? 0 };
    },
    attempts: async (id) => work.of(id).map(({ status, result }) => ({ status, result })),
    async reset(id) {
      Object.assign(work.tasks.get(id)!, { status: 'pending', claim_token: null });
      Object.assign(work.tasks.get(id)!, { claimed_by: null, claimed_at: null, claim_deadline: null });
    },
    async cancel(id) {
      const open = work.of(id).find((one) => one.status === 'assigned');
      Object.assign(open!, { revoked_at: '2026-01-01', revoke_outcome: 'cancelled' });
    },
  };
});
