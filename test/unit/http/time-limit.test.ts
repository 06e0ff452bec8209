import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TimeLimit } from '../../../src/http/client/time-limit.ts';

afterEach(() => void vi.useRealTimers());

describe('the time limit of a request', () => {
  it('ends it after its time, counted from the last restart, with a TimeoutError', () => {
    vi.useFakeTimers();
    const limit = new TimeLimit(100, 'too late');
    vi.advanceTimersByTime(99);
    limit.restart();
    vi.advanceTimersByTime(99);
    expect(limit.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError', message: 'too late' });
  });

  it('ends it with the reason of its caller, also one that was there before', () => {
    const caller = new AbortController();
    const limits = [new TimeLimit(60_000, 'too late', caller.signal)];
    caller.abort('enough');
    limits.push(new TimeLimit(60_000, 'too late', caller.signal));
    expect(limits.map(({ signal }) => signal.reason)).toEqual(['enough', 'enough']);
    for (const one of limits) one.end();
  });

  it('leaves nothing behind at a caller that lives longer, and aborts nothing after its end', () => {
    vi.useFakeTimers();
    const caller = new AbortController();
    const limit = new TimeLimit(100, 'too late', caller.signal);
    limit.end();
    expect([getEventListeners(caller.signal, 'abort').length, vi.getTimerCount()]).toEqual([0, 0]);
    caller.abort();
    expect(limit.signal.aborted).toBe(false);
  });
});
