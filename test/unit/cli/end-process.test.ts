import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endInTime } from '../../../src/cli/end-process.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function node() {
  const [asked, forced] = [new AbortController(), new AbortController()];
  const exit = vi.fn();
  const told: string[] = [];
  const off = endInTime(
    { asked: asked.signal, forced: forced.signal },
    { asked: 40_000, forced: 10_000 },
    { code: () => 143, tell: (message) => told.push(message), exit },
  );
  return { asked, forced, exit, told, off };
}

describe('finding B2: a node that does not end by itself', () => {
  it('is ended when its time is up, and says so', () => {
    const { asked, exit, told } = node();
    vi.advanceTimersByTime(100_000);
    expect(exit).not.toHaveBeenCalled();
    asked.abort();
    vi.advanceTimersByTime(39_999);
    expect(exit).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(exit.mock.calls).toEqual([[143]]);
    expect(told).toEqual([expect.stringContaining('did not stop within 40 s')]);
  });

  it('is ended sooner after a second signal', () => {
    const { asked, forced, exit } = node();
    asked.abort();
    forced.abort();
    vi.advanceTimersByTime(10_000);
    expect(exit).toHaveBeenCalledTimes(1);
  });

  it('is left alone when it has ended', () => {
    const { asked, exit, off } = node();
    asked.abort();
    off();
    vi.advanceTimersByTime(100_000);
    expect(exit).not.toHaveBeenCalled();
  });
});
