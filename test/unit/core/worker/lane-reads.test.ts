import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LaneRank } from '../../../../src/core/domain/lane.ts';
import { LaneReads, READS_PER_SECOND } from '../../../../src/core/worker/lane-reads.ts';

const laneRank = (lane: Buffer = randomBytes(16), claim_rank = 5): LaneRank => ({ lane, claim_rank });
const rowOf = ({ lane, claim_rank }: LaneRank) => ({
  lane,
  claim_rank,
  task_type: 't',
  required_capabilities: '{"a": 1}',
});

function reads(answer: (asked: LaneRank) => Promise<ReturnType<typeof rowOf> | undefined>) {
  const asked: LaneRank[] = [];
  let now = 0;
  const made = new LaneReads(
    (one) => {
      asked.push(one);
      return answer(one);
    },
    () => now,
  );
  return { of: (one: LaneRank) => made.of(one), asked, pass: (ms: number) => (now += ms) };
}

describe('finding S6: reads of lanes that nobody knows', () => {
  it('are ten a second, however many lanes are named', async () => {
    const { of, asked, pass } = reads(async () => undefined);
    for (let n = 0; n < 1000; n += 1) expect(await of(laneRank())).toBeUndefined();
    expect(asked).toHaveLength(READS_PER_SECOND);
    pass(999);
    await of(laneRank());
    expect(asked).toHaveLength(READS_PER_SECOND);
    pass(1);
    for (let n = 0; n < 1000; n += 1) await of(laneRank());
    expect(asked).toHaveLength(2 * READS_PER_SECOND);
  });

  it('go one at a time; who asks for the same pair meanwhile has the same answer', async () => {
    let answer = () => {};
    const one = laneRank();
    const { of, asked } = reads(
      (got) =>
        new Promise((resolve) => {
          answer = () => resolve(rowOf(got));
        }),
    );
    const first = of(one);
    const [same, other] = [of({ ...one }), of(laneRank())];
    expect(await other).toBeUndefined();
    answer();
    expect(await Promise.all([first, same])).toEqual([rowOf(one), rowOf(one)]);
    expect(asked).toEqual([one]);
  });

  it('are not repeated: a lane is kept for every rank, "nothing" of a pair for a second', async () => {
    const [full, empty] = [laneRank(), laneRank()];
    const { of, asked, pass } = reads(async (one) => (one.lane === full.lane ? rowOf(one) : undefined));
    expect(await of(full)).toEqual(rowOf(full));
    expect(await of(laneRank(full.lane, 1))).toEqual(rowOf(full));
    for (let n = 0; n < 3; n += 1) expect(await of(empty)).toBeUndefined();
    expect(asked).toEqual([full, empty]);
    pass(1000);
    await of(empty);
    expect(asked).toEqual([full, empty, empty]);
  });

  it('that fail are no answer, and are made again', async () => {
    const one = laneRank();
    let broken = true;
    const { of, asked } = reads(async () => {
      if (broken) throw new Error('gone');
      return rowOf(one);
    });
    await expect(of(one)).rejects.toThrow('gone');
    broken = false;
    expect(await of(one)).toEqual(rowOf(one));
    expect(asked).toHaveLength(2);
  });
});
