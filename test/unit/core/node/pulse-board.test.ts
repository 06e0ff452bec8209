import { describe, expect, test } from 'vitest';
import { MainWatch } from '../../../../src/core/node/main-watch.ts';
import { PulseBoard } from '../../../../src/core/node/pulse-board.ts';

/** The board as either thread has it. */
function twoSides(slots = 2) {
  const main = new PulseBoard(slots);
  return { main, thread: new PulseBoard(main.memory) };
}

describe('the pulse board', () => {
  test('shows the other thread what has begun, until the database knows its end', () => {
    const { main, thread } = twoSides();
    const id = 2 ** 52 + 1;
    const place = main.begin(id, 3, 1, 1234.5);
    // The handler that was called and has not returned to the event loop.
    main.call(place);
    expect(thread.current).toMatchObject({ task_id: id });
    main.call(-1);
    expect(thread.current).toBeUndefined();
    expect(thread.begun()).toEqual([
      { task_id: id, attempt: 3, type: 1, ended: false, since: expect.any(Number), until: 1234.5 },
    ]);
    main.ended(place);
    expect(thread.begun()).toMatchObject([{ task_id: id, ended: true }]);
    main.release(place);
    expect(thread.begun()).toEqual([]);
  });

  test('says that it does not know when more has begun than it has places for, and knows again afterwards', () => {
    const { main, thread } = twoSides();
    const places: number[] = [];
    while (places.at(-1) !== -1) places.push(main.begin(places.length, 1, 0, 0));
    expect(thread.begun()).toBeUndefined();
    main.release(-1);
    expect(thread.begun()).toHaveLength(places.length - 1);
    for (const place of places.slice(0, -1)) main.release(place);
    expect(thread.begun()).toEqual([]);
  });

  test('has another generation after each silence, and tells by when the process must have ended', () => {
    const { main, thread } = twoSides();
    const before = main.generation;
    thread.close();
    expect([main.open, thread.endsBy]).toEqual([false, undefined]);
    thread.reopen();
    main.endBy(77.5);
    expect([main.open, thread.endsBy]).toEqual([true, 77.5]);
    expect(main.generation).not.toBe(before);
  });
});

describe('the watch over the main thread', () => {
  function watched() {
    const { main, thread } = twoSides();
    const said: string[] = [];
    let now = 0;
    const watch = new MainWatch({
      board: thread,
      onSilent: () => said.push(`silent at ${now}`),
      onStill: () => said.push('still'),
      onBack: (afterMs) => said.push(`back after ${afterMs}`),
      monotonic: () => now,
    });
    /** Checks every 250 ms, `beating` or not. */
    const pass = (ms: number, beating: boolean) => {
      for (const end = now + ms; now < end; ) {
        now += 250;
        if (beating) main.beat();
        watch.check();
      }
    };
    const jump = (ms: number) => {
      now += ms;
      watch.check();
    };
    return { watch, pass, jump, said };
  }

  test('calls it silent within two seconds of its last beat, once, and tells when it is back', () => {
    const { watch, pass, said } = watched();
    pass(5000, true);
    pass(1500, false);
    expect([watch.silent, said]).toEqual([true, ['silent at 6500']]);
    pass(750, false);
    pass(250, true);
    expect([watch.silent, said.at(-1)]).toEqual([false, 'back after 2250']);
  });

  test('finding F16: a process that was stopped as a whole is not taken for a blocked one', () => {
    const { watch, pass, jump, said } = watched();
    pass(1000, true);
    jump(600_000);
    expect([watch.silent, said]).toEqual([false, []]);
  });
});
