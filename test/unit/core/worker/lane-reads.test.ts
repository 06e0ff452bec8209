import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { LaneRank } from '../../../../src/core/domain/lane.ts';
import { LaneReads, READS_PER_SECOND } from '../../../../src/core/worker/lane-reads.ts';

const laneRank = (lane: Buffer = randomBytes(16), claim_rank = 5): LaneRank => ({ lane, claim_rank });
const rowOf = (one: LaneRank) => ({ ...one, task_type: 't', required_capabilities: null });

function reads(answer: (asked: LaneRank) => Promise<ReturnType<typeof rowOf> | undefined>) {
  const asked: LaneRank[] = [];
  let now = 0;
  const read = (one: LaneRank) => {
    asked.push(one);
    return answer(one);
  };
  const made = new LaneReads(read, () => now);
  return { of: (one: LaneRank) => made.of(one), asked, pass: (ms: number) => (now += ms) };
}

describe('finding S6: reads of lanes that nobody knows', () => {
  it('are ten a second, however many lanes are named', async () => {
    const { of, asked, pass } = reads(async () => undefined);
    const counts: number[] = [];
    for (const ms of [0, 999, 1]) {
      pass(ms);
      for (let n = 0; n < 1000; n += 1) expect(await of(laneRank())).toBeUndefined();
      counts.push(asked.length);
    }
    expect(counts).toEqual([READS_PER_SECOND, READS_PER_SECOND, 2 * READS_PER_SECOND]);
  });

  it('go one at a time; who asks for the same pair meanwhile has the same answer', async () => {
    let answer = () => {};
    const one = laneRank();
    const { of, asked } = reads((got) => new Promise((resolve) => (answer = () => resolve(rowOf(got)))));
    const [first, same, other] = [of(one), of({ ...one }), of(laneRank())];
    expect(await other).toBeUndefined();
    answer();
    expect(await Promise.all([first, same])).toEqual([rowOf(one), rowOf(one)]);
    expect(asked).toEqual([one]);
  });

  it('are not repeated: a lane is kept for every rank, "nothing" of a pair for a second, a failure not at all', async () => {
    const [full, empty] = [laneRank(), laneRank()];
    let broken = true;
    const { of, asked, pass } = reads(async (one) => {
      if (broken) throw new Error('gone');
      return one.lane === full.lane ? rowOf(one) : undefined;
    });
    await expect(of(full)).rejects.toThrow('gone');
    broken = false;
    for (const rank of [5, 1]) expect(await of(laneRank(full.lane, rank))).toEqual(rowOf(full));
    for (let n = 0; n < 3; n += 1) expect(await of(empty)).toBeUndefined();
    expect(asked).toEqual([full, full, empty]);
    pass(1000);
    await of(empty);
    expect(asked).toHaveLength(4);
  });
});
