import { expect, test } from 'vitest';
import { LaneCursor } from '../../../../../src/core/worker/claim/lane-cursor.ts';

const at = (id: number) => ({ due_at: '2026-01-01 00:00:00.000', id });

/** The cursor of a lane from which task 5 was taken last. */
function cursor() {
  const one = new LaneCursor();
  one.claimed(at(5), { exhausted: false, frontier: false });
  return one;
}

test('a cursor is at the last row that was taken, until tasks may lie before it; without one, claims read from the head', () => {
  const one = cursor();
  expect(one).toMatchObject({ at: at(5), frontier: true, behind: false });
  one.drop();
  expect([one, new LaneCursor()]).toMatchObject(Array(2).fill({ at: undefined, frontier: false }));
});

test('it stays where it was when the frontier had nothing more: work may be left between the two', () => {
  const one = cursor();
  expect(one.claimed(at(9), { exhausted: true, frontier: true })).toBe(true);
  expect(one).toMatchObject({ at: at(5), frontier: false });
  expect(one.claimed(at(7), { exhausted: true, frontier: false })).toBe(false);
  expect(one).toMatchObject({ at: at(7), frontier: true });
});

test('it is checked after a claim that found nothing more, else a second after the last check or twenty times its cost', () => {
  const one = cursor();
  expect(one.checkDue(true, 10)).toBe(true);
  expect(one.checked(undefined, 10, 1)).toBe(false);
  expect([one.checkDue(false, 1009), one.checkDue(false, 1010)]).toEqual([false, true]);
  one.checked(undefined, 10, 100);
  expect([one.checkDue(false, 2009), one.checkDue(false, 2010)]).toEqual([false, true]);
  expect(new LaneCursor().checkDue(true, 10)).toBe(false);
});

test('it goes back to a due row before it, and the next claim reads from there on', () => {
  const one = cursor();
  for (const id of [3, 4]) expect(one.checked(at(id), 10, 1)).toBe(true);
  expect(one).toMatchObject({ at: at(3), frontier: false });
});
