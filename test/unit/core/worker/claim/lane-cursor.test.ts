import { describe, expect, test } from 'vitest';
import { LaneCursor } from '../../../../../src/core/worker/claim/lane-cursor.ts';

const at = (id: number) => ({ due_at: '2026-01-01 00:00:00.000', id });

/** The cursor of a lane from which task 5 was taken last. */
function cursor() {
  const one = new LaneCursor();
  one.claimed(at(5), { exhausted: false, frontier: false });
  return one;
}

describe('a cursor', () => {
  test('is at the last row that was taken; without one, claims read from the head', () => {
    expect(new LaneCursor()).toMatchObject({ at: undefined, frontier: false });
    expect(cursor()).toMatchObject({ at: at(5), frontier: true, behind: false });
  });

  test('stays where it was when the frontier had nothing more: work may be left between the two', () => {
    const one = cursor();
    expect(one.claimed(at(9), { exhausted: true, frontier: true })).toBe(true);
    expect(one).toMatchObject({ at: at(5), frontier: false });
    expect(one.claimed(at(7), { exhausted: true, frontier: false })).toBe(false);
    expect(one).toMatchObject({ at: at(7), frontier: true });
  });

  test('is checked after a claim that found nothing more, else a second after the last check or twenty times its cost', () => {
    const one = cursor();
    expect(one.checkDue(true, 10)).toBe(true);
    expect(one.checked(undefined, 10, 1)).toBe(false);
    expect([one.checkDue(false, 1009), one.checkDue(false, 1010)]).toEqual([false, true]);
    one.checked(undefined, 10, 100);
    expect([one.checkDue(false, 2009), one.checkDue(false, 2010)]).toEqual([false, true]);
    expect(new LaneCursor().checkDue(true, 10)).toBe(false);
  });

  test('goes back to a due row before it, and the next claim reads from there on', () => {
    const one = cursor();
    expect(one.checked(at(3), 10, 1)).toBe(true);
    expect(one).toMatchObject({ at: at(3), frontier: false });
    expect(one.checked(at(4), 20, 1)).toBe(true);
    expect(one.at).toEqual(at(3));
  });

  test('is dropped when tasks may lie before it', () => {
    const one = cursor();
    one.drop();
    expect(one).toMatchObject({ at: undefined, frontier: false });
  });
});
