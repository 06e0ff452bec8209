// Turns of a claimer over work in memory: what fails on the way, and what is sent again.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { databaseError } from '../../../../../src/core/db/database-error.ts';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import type { Finish, Reconciled } from '../../../../../src/core/domain/attempt/reconcile.ts';
import { AfdError } from '../../../../../src/core/domain/errors.ts';
import { monotonic } from '../../../../../src/core/runtime/clock.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { Claimer } from '../../../../../src/core/worker/claim/claimer.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import type { GatewayClaim, GatewayResult } from '../../../../../src/core/worker/port/gateway-work.ts';
import { MemoryWork } from '../../../../helpers/memory-work.ts';

const error = (facts: object) => databaseError(Object.assign(new Error('injected'), facts), 'test');
const LOST = error({ code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
const KILLED = error({ errno: 1317, sqlState: '70100' });
const UNSTORABLE = error({ errno: 1406, sqlState: '22001' });
const DONE: Outcome = { kind: 'done', result: null, enqueue: [] };

/** A claimer that asks for everything once at each `ask`, and what it does. */
function claimer() {
  const work = new MemoryWork();
  const seen = { asked: 0, idle: 0, returned: 0 };
  const begun: Finish[] = [];
  const reconciled: Reconciled[] = [];
  const told: string[] = [];
  const events = new Events();
  events.on('work:troubled', ({ cause }) => told.push(cause ?? 'over'));
  events.on('warning', ({ message }) => told.push(message));
  let wanting = false;
  const never = Number.POSITIVE_INFINITY;
  const planner = {
    next(): GatewayClaim | undefined {
      seen.asked += 1;
      if (!wanting) return undefined;
      wanting = false;
      const types = { t: { now: 10, later: 0, defer: false } };
      return { claim_token: randomBytes(16), limit: 10, free: 10, alone: false, types };
    },
    learn: async (_claim: GatewayClaim, _result: GatewayResult) => true,
    ...{ failed: () => {}, refused: async () => {}, news: () => {} },
    ...{ free: 1, againMs: never, generation: 0, hasPrefetched: false },
  };
  const one = new Claimer<GatewayClaim, GatewayResult>({
    ...{ work, events, planner, payloads: new Payloads() },
    poller: { nextPollMs: () => never, poll: async () => {}, hit: () => {}, discoverNow: () => {} },
    runner: {
      busy: 0,
      begin(claimed, claim_token) {
        for (const { id, task_type, attempt, assignment_id } of claimed) {
          const about = { task_id: id, task_type, attempt: attempt + 1, assignment_id, claim_token };
          begun.push({ ...about, outcome: DONE, age_ms: 5 });
        }
      },
      returnPrefetched() {
        seen.returned += 1;
      },
    },
    attempts: {
      ...{ dueToMaterialize: () => [], materialized: () => {}, dueStarts: () => [], startsLost: () => {} },
      ...{ unwritable: () => {}, nextStartMs: () => never },
    },
    ...{ onExchange: () => {}, onPermission: () => {} },
    onReconciled: (result) => reconciled.push(result),
    onIdle() {
      seen.idle += 1;
    },
  });
  const ask = () => {
    wanting = true;
    one.wake();
  };
  /** Claims a task. Returns the end of its attempt. */
  const claimed = async (task = {}): Promise<Finish> => {
    work.add(task);
    const before = begun.length;
    await one.start();
    ask();
    await expect.poll(() => begun.length).toBe(before + 1);
    return begun.at(-1)!;
  };
  return { claimer: one, work, planner, seen, begun, reconciled, told, ask, claimed };
}

const finish = (): Finish => ({
  ...{ task_id: 1, task_type: 't', attempt: 1, assignment_id: 7, claim_token: randomBytes(16), age_ms: 5 },
  outcome: DONE,
});

describe('a claimer', () => {
  test('plans a claim whenever it is woken, unless it may not claim, returns what waits for too long, and says that it is idle', async () => {
    const { claimer: one, work, seen } = claimer();
    await one.start();
    for (const round of [1, 2, 3]) {
      await expect.poll(() => seen).toEqual({ asked: Math.min(round, 2), idle: round, returned: round });
      one.claiming = round === 1;
      one.wake();
    }
    await one.stop();
    expect(work.calls).toEqual([]);
  });

  test('keeps an end that it cannot write, knows its attempt, and stops when it is told to leave it', async () => {
    const { claimer: one, work } = claimer();
    work.fail('ready', 'before', LOST, 1000);
    await one.start();
    const end = finish();
    one.finish(end);
    await expect.poll(() => work.calls.length).toBeGreaterThan(2);
    expect(one.unwritten).toBe(1);
    expect(one.holds(end, monotonic())).toBe(true);
    expect(one.holds({ ...end, claim_token: randomBytes(16) }, monotonic())).toBe(false);
    let stopped = false;
    const stopping = one.stop().then(() => (stopped = true));
    const calls = work.calls.length;
    await expect.poll(() => work.calls.length).toBeGreaterThan(calls);
    expect(stopped).toBe(false);
    one.abandon();
    await stopping;
    expect(one.unwritten).toBe(0);
  });
});

describe('an error that passes', () => {
  test.each([
    ['KILL QUERY', KILLED],
    ['a number that nobody knows', error({ errno: 9999, sqlState: 'HY000' })],
  ])('finding F9: %s throws no finished work away, and ends no worker', async (_, passing) => {
    const { claimer: one, work, told, reconciled, claimed } = claimer();
    const end = await claimed();
    work.fail('exchange', 'before', passing, 4);
    one.finish(end);
    await one.stop();
    expect(work.of(1)).toMatchObject([{ status: 'completed', result: 'null' }]);
    expect(reconciled.map(({ kind }) => kind)).toEqual(['accepted']);
    expect(told).toEqual([expect.any(String), 'over']);
  });

  test.each([
    ['interrupted', KILLED],
    ['lost', LOST],
  ])('finding F9: a claim whose answer is %s after its COMMIT is found again, and begins once', async (_, passing) => {
    const { claimer: one, work, begun, claimed } = claimer();
    work.fail('exchange', 'after', passing);
    await claimed();
    await one.stop();
    expect([begun.length, work.of(1).length]).toEqual([1, 1]);
    expect(work.calls).toContain('recover');
  });
});

test('gives back no task whose claim is committed and not answered: its token is known before it is sent', async () => {
  const { claimer: one, work, begun, ask } = claimer();
  work.add();
  let answer = () => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const exchange = work.exchange.bind(work);
  work.exchange = async (...asked) => {
    const result = await exchange(...asked);
    await answered;
    return result;
  };
  await one.start();
  ask();
  await expect.poll(() => work.of(1).length).toBe(1);
  expect(one.holds(work.of(1)[0]!, monotonic())).toBe(true);
  answer();
  await expect.poll(() => begun.length).toBe(1);
  expect(one.holds(begun[0]!, monotonic())).toBe(false);
  await one.stop();
});

describe('an end that is refused', () => {
  test('for what it says becomes a failed attempt that tells it; those beside it are written', async () => {
    const { claimer: one, work, told, begun, ask } = claimer();
    for (const max_retry_count of [3, 0, 3]) work.add({ max_retry_count });
    await one.start();
    ask();
    await expect.poll(() => begun.length).toBe(3);
    const exchange = work.exchange.bind(work);
    work.exchange = async (ends, claim) => {
      if (ends.some(({ task_id, outcome }) => task_id === 2 && outcome.kind === 'done')) throw UNSTORABLE;
      return exchange(ends, claim);
    };
    for (const end of begun) one.finish(end);
    await one.stop();
    expect([...work.tasks.values()].map(({ status }) => status)).toEqual(['done', 'failed', 'done']);
    expect(work.of(2)[0]!.error_message).toMatch(/could not be stored.*injected/);
    expect(told).toHaveLength(1);
  });

  test('whatever it says is dropped, as lost, and known afterwards', async () => {
    const { claimer: one, work, reconciled, claimed } = claimer();
    const end = await claimed();
    // Twice for each of what it says: with others, and alone.
    work.fail('exchange', 'before', UNSTORABLE, 6);
    one.finish(end);
    await expect.poll(() => reconciled).toMatchObject([{ kind: 'lost', reason: 'its result could not be stored' }]);
    expect(one.holds(end, monotonic())).toBe(true);
    await one.stop();
  });
});

test.each(['E_INTERNAL', 'E_SUPERSEDED', 'E_FORBIDDEN'] as const)('%s ends the claimer', async (code) => {
  const { claimer: one, work, ask } = claimer();
  work.fail('exchange', 'before', new AfdError(code, 'a bug'));
  await one.start();
  ask();
  await expect(one.finished).rejects.toMatchObject({ code });
});
