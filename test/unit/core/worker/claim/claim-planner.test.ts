import { describe, expect, test } from 'vitest';
import type { FinishAndClaimResult } from '../../../../../src/core/db/claim/finish-and-claim.ts';
import type { SourceYield } from '../../../../../src/core/db/claim/take-tasks.ts';
import { ANY_WIDTHS } from '../../../../../src/core/db/claim/text-widths.ts';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import { Session } from '../../../../../src/core/db/session.ts';
import { tableNames } from '../../../../../src/core/db/table-names.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { ClaimPlanner } from '../../../../../src/core/worker/claim/claim-planner.ts';
import { LaneCatalog } from '../../../../../src/core/worker/claim/lane-catalog.ts';
import { Poller } from '../../../../../src/core/worker/claim/poller.ts';
import type { Slots } from '../../../../../src/core/worker/claim/slots.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { TypeRooms } from '../../../../../src/core/worker/claim/type-rooms.ts';

interface Known {
  directed?: boolean;
  places?: Slots['places'];
  /** Its first poll is over. */
  polled?: boolean;
}

/** The planner of a worker with `free` slots that knows `lanes` lanes with due tasks. It is never connected. */
function planner(lanes: number, free: number, known: Known = {}) {
  const { directed = false, places = new Map(), polled = true } = known;
  const types = Array.from({ length: lanes }, (_, n) => `t${n}`);
  const catalog = new LaneCatalog('w1', { supported_tasks: types });
  catalog.learn(
    types.map((task_type) => ({
      ...{ lane: Buffer.from(task_type.padEnd(16)), claim_rank: 5, task_type, required_capabilities: null },
    })),
    true,
  );
  if (directed) catalog.markDue([], true);
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  const address = { host: '127.0.0.1', port: 9, user: 'afd', database: 'afd' };
  const times = { timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 1000 };
  const session = new Session({ address, ...times, multiStatements: true });
  const events = new Events();
  const warnings: string[] = [];
  events.on('warning', ({ message }) => warnings.push(message));
  const slots = {
    room: (prefetch: number) => free + prefetch,
    slotsYounger: () => free,
    places,
    timeoutOf: () => 300,
  };
  const poller = new Poller({ session, names, catalog, deviceId: 'w1', pollIntervalMs: 1000 });
  if (polled) poller.polledAt = 0;
  const made = new ClaimPlanner({
    ...{
      session,
      names,
      events,
      catalog,
      slots,
      rooms: new TypeRooms(slots, new TaskTimings()),
      widths: () => ANY_WIDTHS,
    },
    poller,
    board: { generation: 7 },
    master: { deadline_slack: 30 },
    mayClaim: () => true,
    limit: (room) => room,
  });
  return Object.assign(made, { warnings, poller });
}

const result = (...perSource: SourceYield[]): FinishAndClaimResult => ({
  ...{ reconciled: [], claimed: [], perSource, permission: 'open' },
});
const yielded = (...ends: boolean[]) => result(...ends.map((exhausted) => ({ count: 20, exhausted })));

test.each([
  ['many lanes, counted first', 30, 50, false, { countFirst: true, ticket: false, limit: 50, free: 50, alone: false }],
  ['few lanes', 4, 50, false, { countFirst: false }],
  ['many lanes where there is little room', 30, 20, false, { countFirst: false }],
  ['many lanes behind directed tasks', 30, 50, true, { countFirst: false }],
  ['much of one lane, with a ticket', 1, 50, false, { countFirst: false, ticket: true }],
  ['little of one lane', 1, 20, false, { ticket: false }],
  ['much of one lane behind directed tasks', 1, 50, true, { ticket: false }],
])('asks for %s', (_, lanes, free, directed, request) => {
  const asked = planner(lanes, free, { directed }).next()!;
  expect(asked).toMatchObject(request);
  if (asked.countFirst) expect(asked.sources).toHaveLength(10);
  else expect(asked.sources.length).toBeLessThanOrEqual(4);
});

test('nothing is claimed without room or due tasks, nor before the first poll; one that failed counts too', async () => {
  expect([planner(0, 50).next(), planner(3, 0).next()]).toEqual([undefined, undefined]);
  const one = planner(1, 5, { polled: false });
  expect(one.next()).toBeUndefined();
  expect(one.poller.nextPollMs()).toBe(0);
  await expect(one.poller.poll()).rejects.toThrow();
  expect(one.next()).toMatchObject({ limit: 5 });
});

test('a type at its maximum is not asked again after a claim that could take nothing of it, until it has a place', async () => {
  const place = { max: 2, free: 0, waiting: 0 };
  const one = planner(1, 10, { places: new Map([['t0', place]]) });
  await one.learn(one.next()!, result({ count: 0, exhausted: false }));
  one.news();
  expect(one.next()).toBeUndefined();
  place.free = 1;
  expect(one.next()).toBeDefined();
});

const ENOUGH = yielded(false, false, true);
test.each([
  ['are taken for sparse at first', true, []],
  ['are not, when half of the counted ones have more than was asked', false, [ENOUGH]],
  ['are still, when fewer have', true, [yielded(true, true, false)]],
  ['are again, when one was empty after less than half', true, [ENOUGH, result({ count: 20, exhausted: true })]],
  ['are not again for one that gave more', false, [ENOUGH, result({ count: 30, exhausted: true })]],
  ['are as before, when a claim says nothing about it', false, [ENOUGH, result()]],
])('lanes %s, and then counted first: %s', async (_, countFirst, results) => {
  const one = planner(30, 50);
  for (const each of results) {
    await one.learn(one.next()!, each);
    one.news();
  }
  expect(one.next()).toMatchObject({ countFirst });
});

describe('a pause', () => {
  test('follows a claim that the server broke off for its length; no news ends it, and it doubles', () => {
    const how = { retry: 'transaction', errno: 3024 } as const;
    const brokenOff = new DatabaseError('E_TEMPORARY', 'The database interrupted a statement.', how);
    const one = planner(1, 5);
    const request = one.next()!;
    for (const most of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      one.failed(request, brokenOff);
      one.news();
      expect(one.next()).toBeUndefined();
      expect(one.againMs).toBeGreaterThan(most / 2 - 100);
      expect(one.againMs).toBeLessThanOrEqual(most);
    }
  });

  test('follows a claim that brought nothing although its lane seems to have tasks, until there is news', async () => {
    const one = planner(1, 5);
    expect(await one.learn(one.next()!, result({ count: 0, exhausted: false }))).toBe(false);
    expect(one.next()).toBeUndefined();
    expect(one.againMs).toBeLessThanOrEqual(25);
    one.news();
    expect(one.next()).toBeDefined();
  });

  test('does not follow another error, but the next claim after one that came too late asks for half', () => {
    const one = planner(1, 8);
    const late = new DatabaseError('E_DATABASE', 'gone', { retry: 'connection', driverCode: 'AFD_DEADLINE' });
    one.failed(one.next()!, late);
    expect(one.againMs).toBe(Number.POSITIVE_INFINITY);
    expect(one.next()!.limit).toBe(4);
  });
});

describe('a transaction that the server refused', () => {
  const data = new DatabaseError('E_DATABASE', 'Out of range', { retry: 'final', fault: 'data', errno: 1264 });

  test('with ends: they go alone, then the claim', async () => {
    const one = planner(1, 5);
    await one.refused(one.next()!, data, true);
    expect(one.next()).toBeUndefined();
    expect(one.next()).toMatchObject({ alone: true });
  });

  test('before any row was seen: one source at a time tells which, and that one rests', async () => {
    const one = planner(3, 5);
    await one.refused(one.next()!, data, false);
    const single = one.next()!;
    expect(single.sources).toHaveLength(1);
    await one.refused(single, data, false);
    expect(one.warnings).toEqual([expect.stringContaining('The database refused to claim t')]);
    for (let n = 0; n < 2; n += 1) await one.learn(one.next()!, yielded(true));
    expect(one.next()?.sources ?? []).not.toContainEqual(single.sources[0]);
  });
});
