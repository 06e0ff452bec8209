// Calls that share a transaction: what one of them does to the others, which must be nothing.
import { describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../../src/core/db/database-error.ts';
import { Together } from '../../../../src/core/gateway/requests/together.ts';

const refused = () => new DatabaseError('E_FAILED', 'a row was refused', { retry: 'final', fault: 'data' });
const deadlock = () => new DatabaseError('E_TEMPORARY', 'deadlock', { retry: 'transaction', rolledBack: true });
const lost = () => new DatabaseError('E_DATABASE', 'the connection was lost', { retry: 'connection' });

/** Numbers; `together` answers with their doubles, `alone` with their negatives. */
function joined(how: {
  together?: (values: number[]) => Array<number | undefined>;
  alone?: (value: number) => number;
  keys?: (value: number) => number[];
}) {
  const calls: Array<number | number[]> = [];
  const all = new Together<number, number>({
    async together(values) {
      calls.push(values);
      return how.together?.(values) ?? values.map((one) => one * 2);
    },
    async alone(value) {
      calls.push(value);
      return how.alone?.(value) ?? -value;
    },
    ...(how.keys === undefined ? {} : { keys: how.keys }),
    most: 10,
  });
  return { calls, all };
}
const throwing = (error: () => Error) => () => {
  throw error();
};

describe('calls that arrive at the same time', () => {
  it('are carried out together, and each gets its own answer', async () => {
    const { calls, all } = joined({});
    expect(await Promise.all([1, 2, 3].map((one) => all.add(one)))).toEqual([2, 4, 6]);
    expect(calls).toEqual([[1, 2, 3]]);
  });

  it('a single one is carried out alone', async () => {
    const { calls, all } = joined({});
    expect(await all.add(1)).toBe(-1);
    expect(calls).toEqual([1]);
  });

  it('when their transaction is rolled back, each is tried alone: only the one that is wrong fails', async () => {
    const alone = (value: number) => {
      if (value === 2) throw refused();
      return -value;
    };
    for (const error of [refused, deadlock]) {
      const { all } = joined({ together: throwing(error), alone });
      const ends = await Promise.allSettled([1, 2, 3].map((one) => all.add(one)));
      expect(ends).toMatchObject([{ value: -1 }, { reason: { message: 'a row was refused' } }, { value: -3 }]);
      // And those that come later are not hurt either.
      expect(await all.add(4)).toBe(-4);
    }
  });

  it('when it is unknown whether they were written, none is written again, and each is told so', async () => {
    for (const error of [lost, () => new Error('a bug')]) {
      const { calls, all } = joined({ together: throwing(error) });
      const ends = await Promise.allSettled([1, 2].map((one) => all.add(one)));
      expect(ends.map((one) => one.status)).toEqual(['rejected', 'rejected']);
      expect(calls).toEqual([[1, 2]]);
    }
  });

  it('one that was left out is tried alone', async () => {
    const { all } = joined({ together: (values) => values.map((one) => (one === 2 ? undefined : one * 2)) });
    expect(await Promise.all([1, 2, 3].map((one) => all.add(one)))).toEqual([2, -2, 6]);
  });

  it('those with a key in common follow each other in the order in which they came', async () => {
    const { calls, all } = joined({ keys: (value) => [value % 10] });
    expect(await Promise.all([1, 2, 11, 21, 3].map((one) => all.add(one)))).toEqual([2, 4, -11, -21, 6]);
    expect(calls).toEqual([[1, 2, 3], 11, 21]);
  });
});
