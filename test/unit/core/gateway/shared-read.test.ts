import { describe, expect, it } from 'vitest';
import { SharedRead } from '../../../../src/core/gateway/shared-read.ts';

describe('a shared read', () => {
  it('is one read for all who ask at once, and for those who ask soon after', async () => {
    let reads = 0;
    const shared = new SharedRead(60_000, async () => ++reads);
    const all = await Promise.all([shared.get(), shared.get(), shared.get()]);
    expect(all.map((one) => one.value)).toEqual([1, 1, 1]);
    expect((await shared.get()).value).toBe(1);
    expect((await shared.get()).age_ms).toBeGreaterThanOrEqual(0);
  });

  it('is read again when it is old', async () => {
    let reads = 0;
    const shared = new SharedRead(-1, async () => ++reads);
    expect([(await shared.get()).value, (await shared.get()).value]).toEqual([1, 2]);
  });

  it('that fails is asked for again by the next, and keeps nothing of before', async () => {
    const answers = [() => 'first', () => Promise.reject(new Error('away')), () => 'third'];
    const shared = new SharedRead(-1, async () => answers.shift()!());
    expect((await shared.get()).value).toBe('first');
    const both = await Promise.allSettled([shared.get(), shared.get()]);
    expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
    expect((await shared.get()).value).toBe('third');
  });
});
