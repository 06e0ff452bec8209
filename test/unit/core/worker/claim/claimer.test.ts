import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Session } from '../../../../../src/core/db/session.ts';
import { tableNames } from '../../../../../src/core/db/table-names.ts';
import type { Finish } from '../../../../../src/core/domain/attempt/reconcile.ts';
import { monotonic } from '../../../../../src/core/runtime/clock.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { Claimer } from '../../../../../src/core/worker/claim/claimer.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import { DatabaseWork } from '../../../../../src/core/worker/port/database-work.ts';

/** Its server cannot be reached. */
class Unreachable extends Session {
  tries = 0;

  override ready() {
    this.tries += 1;
    return super.ready();
  }
}

const address = { host: '127.0.0.1', port: 9, user: 'afd', database: 'afd' };
const finish = (): Finish => ({
  ...{ task_id: 1, task_type: 't', attempt: 1, assignment_id: 7, claim_token: randomBytes(16), age_ms: 5 },
  outcome: { kind: 'done', result: null, enqueue: [] },
});

/** A claimer with nothing to claim: what the database decides is tested with one (test/db/claim, test/integration/worker). */
function claimer() {
  const session = new Unreachable({
    ...{ address, timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 1000, multiStatements: true },
  });
  const seen = { asked: 0, idle: 0, returned: 0 };
  const never = Number.POSITIVE_INFINITY;
  const made = new Claimer({
    work: new DatabaseWork({
      ...{ session, names: tableNames({ task: 'af_crawl_task', prefix: 'af_' }), deviceId: 'w1' },
      ...{ instanceToken: randomBytes(16), policy: { maxRetryCount: 3, backoff: () => 0 } },
    }),
    events: new Events(),
    planner: {
      next() {
        seen.asked += 1;
        return undefined;
      },
      ...{ learn: async () => true, failed: () => {}, refused: async () => {}, news: () => {} },
      ...{ free: 1, againMs: never, generation: 0, hasPrefetched: false },
    },
    poller: { nextPollMs: () => never, poll: async () => {}, hit: () => {}, discoverNow: () => {} },
    payloads: new Payloads(),
    runner: {
      busy: 0,
      begin: () => {},
      returnPrefetched() {
        seen.returned += 1;
      },
    },
    attempts: {
      ...{ dueToMaterialize: () => [], materialized: () => {}, dueStarts: () => [], startsLost: () => {} },
      ...{ unwritable: () => {}, nextStartMs: () => never },
    },
    ...{ onExchange: () => {}, onReconciled: () => {}, onPermission: () => {} },
    onIdle() {
      seen.idle += 1;
    },
  });
  return { claimer: made, session, seen };
}

test('plans a claim whenever it is woken, returns what was prefetched for too long, and says that it is idle', async () => {
  const { claimer: one, session, seen } = claimer();
  await one.start();
  for (const rounds of [1, 2, 3]) {
    await expect.poll(() => seen).toEqual({ asked: rounds, idle: rounds, returned: rounds });
    one.wake();
  }
  await one.stop();
  expect(session.tries).toBe(0);
});

test('plans none while it may not claim', async () => {
  const { claimer: one, seen } = claimer();
  one.claiming = false;
  await one.start();
  await expect.poll(() => seen.idle).toBe(1);
  expect(seen.asked).toBe(0);
  await one.stop();
});

test('keeps an end that it cannot write, and knows its attempt', async () => {
  const { claimer: one, session } = claimer();
  await one.start();
  const end = finish();
  one.finish(end);
  await expect.poll(() => session.tries).toBeGreaterThan(2);
  expect(one.unwritten).toBe(1);
  expect(one.holds(end, monotonic())).toBe(true);
  expect(one.holds({ ...end, claim_token: randomBytes(16) }, monotonic())).toBe(false);
  one.abandon();
  await one.finished;
});

test('has stopped when its ends are written, or when it is told to leave them', async () => {
  const { claimer: one, session } = claimer();
  await one.start();
  one.finish(finish());
  let stopped = false;
  const stopping = one.stop().then(() => {
    stopped = true;
  });
  await expect.poll(() => session.tries).toBeGreaterThan(2);
  expect(stopped).toBe(false);
  one.abandon();
  await stopping;
  expect(one.unwritten).toBe(0);
});
