import { expect, test } from 'vitest';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { TypeRooms } from '../../../../../src/core/worker/claim/type-rooms.ts';
import { claimedTask } from '../../../../helpers/claimed-task.ts';

const [browser, call] = [claimedTask({ task_type: 'browser' }), claimedTask({ task_type: 'call' })];
const again = { attempt: 1 };

interface Given {
  free: number;
  waiting?: number;
  /** Places that no long attempt holds. */
  younger?: number;
}

/** Ten slots. Of `browser` (or `limited`) two run at once; attempts of `browser` last `ms`, calls last 1 ms. */
function roomsOf({ free, waiting = 0, younger = 2 }: Given, ms: number, limited = 'browser'): TypeRooms {
  let now = 0;
  const timings = new TaskTimings(() => now);
  timings.begin();
  for (let n = 0; n < 400; n += 1) {
    now += 1;
    timings.note(n % 20 === 0 ? 'browser' : 'call', n % 20 === 0 ? ms : 1);
  }
  const places = new Map([[limited, { max: 2, free, waiting }]]);
  const slotsYounger = (_: number, type?: string) => (type === undefined ? 10 : younger);
  return new TypeRooms({ room: () => 10, slotsYounger, places, timeoutOf: () => 300 }, timings);
}

const LONG = 5000;
/** In 100 ms four of these end in two places. */
const SHORT = 50;
const how = { free: 10, short: 10 };

test('a type is full while it has no free place, and closed when no task of it may wait either', () => {
  expect(roomsOf({ free: 1 }, LONG).full()).toEqual([]);
  const full = roomsOf({ free: 0 }, LONG);
  expect([full.full(), full.closed('browser'), full.closed('call')]).toEqual([['browser'], true, false]);
  expect(roomsOf({ free: 1 }, LONG).closed('browser')).toBe(false);
  expect([3, 4].map((waiting) => roomsOf({ free: 0, waiting }, SHORT).closed('browser'))).toEqual([false, true]);
});

test('a claim takes of a long type what has a place, and of a short one what can soon begin there too', () => {
  const claim = roomsOf({ free: 2 }, LONG).forClaim(how);
  expect([claim.mostFrom('browser'), claim.mostFrom(undefined)]).toEqual([2, Number.POSITIVE_INFINITY]);
  expect([0, 1, 2].map((n) => claim.admit(browser, 'lane', n))).toEqual(['record', 'record', 'stop']);
  expect(claim.admit(call, 'lane', 2)).toBe('defer');
  const short = roomsOf({ free: 1 }, SHORT).forClaim(how);
  expect(short.mostFrom('browser')).toBe(5);
  const admitted = Array.from({ length: 6 }, (_, n) => short.admit(browser, 'lane', n));
  expect(admitted).toEqual([...Array(5).fill('defer'), 'stop']);
});

test('no task waits for a place of a type that is only assumed to be short, nor for places that long attempts hold', () => {
  const assumed = roomsOf({ free: 0 }, SHORT, 'new');
  expect([assumed.closed('new'), assumed.forClaim(how).mostFrom('new')]).toEqual([true, 0]);
  const held = roomsOf({ free: 0, younger: 0 }, SHORT);
  expect([held.closed('browser'), held.forClaim(how).mostFrom('browser')]).toEqual([true, 0]);
});

test('only first attempts wait for a place; of named tasks the others are wanted all the same', () => {
  const claim = roomsOf({ free: 0 }, SHORT).forClaim(how);
  expect(claim.admit({ ...browser, ...again }, 'lane', 0)).toBe('stop');
  expect(claim.admit(browser, 'directed', 0)).toBe('stop');
  expect(claim.admit(browser, 'tasks', 0)).toBe('skip');
});
