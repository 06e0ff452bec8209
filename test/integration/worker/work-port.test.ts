// The work port over a real database, directly and through a gateway: the same contract as in memory.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ClaimRequest } from '../../../src/core/db/claim/take-tasks.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { claimRank, laneKey } from '../../../src/core/domain/lane.ts';
import { GatewayClient } from '../../../src/core/remote/gateway-client.ts';
import { Journal } from '../../../src/core/worker/journal/journal.ts';
import { KeptEnds } from '../../../src/core/worker/journal/kept-ends.ts';
import { DatabaseWork } from '../../../src/core/worker/port/database-work.ts';
import { type GatewayClaim, type GatewayResult, GatewayWork } from '../../../src/core/worker/port/gateway-work.ts';
import { LateClaims } from '../../../src/core/worker/port/late-claims.ts';
import { testDatabase } from '../../helpers/database.ts';
import { insertDevice, insertTask } from '../../helpers/factories.ts';
import { startGateway } from '../../helpers/gateway.ts';
import { type WorkPortSubject, workPortContract } from '../../helpers/work-port-contract.ts';

const TRIES = 2;

/** What the contract asks of the database itself. */
async function opened() {
  const db = await testDatabase();
  onTestFinished(() => db.close());
  const session = await db.session();
  const { task, assignment } = db.names;
  const about = {
    add: ({ task_data }: { task_data?: string } = {}) =>
      insertTask(session, db.names, { task_type: 't', max_retry_count: TRIES, task_data: task_data ?? null }),
    async task(id: number) {
      const [row] = await session.rows(`SELECT status, attempt, retry FROM ${task} WHERE id = ?`, [id]);
      return { status: row!.status, attempt: row!.attempt, retry: row!.retry ?? 0 };
    },
    attempts: (id: number) =>
      session.rows<{ status: string; result: string | null }>(
        `SELECT status, result FROM ${assignment} WHERE task_id = ? ORDER BY attempt`,
        [id],
      ),
    async reset(id: number) {
      await session.write(`UPDATE ${task} SET status = 'pending' WHERE id = ?`, [id]);
    },
    async cancel(id: number) {
      await cancelTask(session, db.names, id);
    },
  };
  return { db, session, about };
}

workPortContract('work over a session', async () => {
  const { db, session, about } = await opened();
  const device = await insertDevice(session, db.names, { device_id: 'w1' });
  const policy = { maxRetryCount: TRIES, backoff: () => 0 };
  const identity = { deviceId: 'w1', instanceToken: device.instance_token };
  const work = new DatabaseWork({ session: await db.session(), names: db.names, ...identity, policy });
  const lane = { kind: 'lane' as const, lane: laneKey('t', null), claim_rank: claimRank(null), cursor: undefined };
  const claim = (limit: number, as: 'record' | 'defer'): ClaimRequest => ({
    ...{ claim_token: randomBytes(16), limit, free: limit, short: limit, alone: false, sources: [lane] },
    ...{ countFirst: false, ticket: false, mostFrom: () => limit, leaseOf: () => 60, admit: () => as },
  });
  return { work, claim, ...about };
});

async function throughGateway(): Promise<WorkPortSubject<GatewayClaim, GatewayResult>> {
  const { db, about } = await opened();
  const gateway = await startGateway(db, { master: { retry_backoff: { initial: 0, jitter: 0 } } });
  const folder = await mkdtemp(join(tmpdir(), 'afd-journal-'));
  const device = { deviceId: 'w1', instanceToken: randomBytes(16) };
  const client = new GatewayClient({ urls: [gateway.url], apiKey: undefined, callTimeoutMs: 10_000 });
  const journal = new Journal({ folder, mostBytes: 1_000_000, warn: () => {}, note: () => {} }, device);
  onTestFinished(async () => {
    client.cut();
    await journal.close();
    await gateway.stop();
    await rm(folder, { recursive: true });
  });
  const registered = await gateway.call('/api/v1/devices/register', {
    ...{ device_id: 'w1', remote: true, version: '0.0.0-test', host_name: 'far', pid: 7, max_concurrent_tasks: 10 },
    ...{ instance_token: device.instanceToken.toString('hex'), capabilities: { supported_tasks: ['t'] } },
  });
  if (registered.status !== 200) throw new Error(JSON.stringify(registered.json));
  const late = new LateClaims(async () => []);
  const work = new GatewayWork({
    ...{ client, ...device, kept: new KeptEnds(journal), late, offlineForS: 0 },
    before: async () => {},
  });
  const claim = (limit: number, as: 'record' | 'defer'): GatewayClaim => ({
    ...{ claim_token: randomBytes(16), limit, free: limit, alone: false },
    types: { t: { now: limit, later: 0, defer: as === 'defer' } },
  });
  return { work, claim, ...about };
}
// Each opens a gateway: what differs between the two ways is the same statement as above.
workPortContract('work through a gateway', throughGateway, ['defer']);
