// Calls that share a transaction or a read: what one of them does to the others, which must be nothing.
import { describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../../src/core/db/database-error.ts';
import { Together } from '../../../../src/core/gateway/requests/together.ts';
import { SharedRead } from '../../../../src/core/gateway/shared-read.ts';

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
  return { calls, add: (...some: number[]) => Promise.allSettled(some.map((one) => all.add(one))) };
}
const throwing = (error: () => Error) => () => {
  throw error();
};
const values = (...some: number[]) => some.map((value) => ({ value }));

describe('calls that arrive at the same time', () => {
  it('are carried out together, and each gets its own answer; a single one is carried out alone', async () => {
    const { calls, add } = joined({});
    expect(await add(1, 2, 3)).toMatchObject(values(2, 4, 6));
    expect(await add(4)).toMatchObject(values(-4));
    expect(calls).toEqual([[1, 2, 3], 4]);
  });

  it.each([refused, deadlock])(
    'when their transaction is rolled back, only the one that is wrong fails',
    async (error) => {
      const alone = (value: number) => {
        if (value === 2) throw refused();
        return -value;
      };
      const { add } = joined({ together: throwing(error), alone });
      const ends = [{ value: -1 }, { reason: { message: 'a row was refused' } }, { value: -3 }];
      expect(await add(1, 2, 3)).toMatchObject(ends);
    },
  );

  it.each([lost, () => new Error('a bug')])(
    'when it is unknown whether they were written, none is written again, and each is told so',
    async (error) => {
      const { calls, add } = joined({ together: throwing(error) });
      expect((await add(1, 2)).map((one) => one.status)).toEqual(['rejected', 'rejected']);
      expect(calls).toEqual([[1, 2]]);
    },
  );

  it('one that was left out is tried alone', async () => {
    const { add } = joined({ together: (some) => some.map((one) => (one === 2 ? undefined : one * 2)) });
    expect(await add(1, 2, 3)).toMatchObject(values(2, -2, 6));
  });

  it('those with a key in common follow each other in the order in which they came', async () => {
    const { calls, add } = joined({ keys: (value) => [value % 10] });
    expect(await add(1, 2, 11, 21, 3)).toMatchObject(values(2, 4, -11, -21, 6));
    expect(calls).toEqual([[1, 2, 3], 11, 21]);
  });
});

describe('a shared read', () => {
  it('is one read for all who ask at once, and for those who ask soon after', async () => {
    let reads = 0;
    const shared = new SharedRead(60_000, async () => ++reads);
    await Promise.all([shared.get(), shared.get()]);
    expect(await shared.get()).toMatchObject({ value: 1, age_ms: expect.any(Number) });
  });

  it('is read again when it is old; one that fails keeps nothing of before', async () => {
    const answers = [() => 'first', () => Promise.reject(new Error('away')), () => 'third'];
    const shared = new SharedRead(-1, async () => answers.shift()!());
    expect((await shared.get()).value).toBe('first');
    const both = await Promise.allSettled([shared.get(), shared.get()]);
    expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    expect((await shared.get()).value).toBe('third');
  });
});
