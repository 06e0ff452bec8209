// How many tasks a gateway takes for a remote worker, and which of them may wait for a slot.
import { describe, expect, it } from 'vitest';
import type { ClaimedTask } from '../../../../src/core/db/claim/claimed-task.ts';
import { WireRooms } from '../../../../src/core/gateway/devices/wire/wire-rooms.ts';

const task = (more: Partial<ClaimedTask> = {}) =>
  ({ task_type: 't', attempt: 0, claimed_by: null, ...more }) as ClaimedTask;
const rooms = (room: { now: number; later: number; defer?: boolean }, free = room.now) =>
  new WireRooms({ claim_token: Buffer.alloc(16), limit: 10, free, types: new Map([['t', { defer: false, ...room }]]) });

describe('a task behind a gateway', () => {
  it('is taken ahead only if nobody has tried it, and nobody holds it', () => {
    const ahead = rooms({ now: 0, later: 3 });
    expect(ahead.admit(task({ attempt: 1 }), 'lane')).toBe('stop');
    expect(ahead.admit(task({ claimed_by: 'ghost' }), 'lane')).toBe('stop');
    expect(ahead.admit(task(), 'directed')).toBe('skip');
    expect(ahead.admit(task(), 'lane')).toBe('record');
  });

  it('that was tried is taken where it can begin, and gets its row at once', () => {
    const now = rooms({ now: 2, later: 0, defer: true });
    expect(now.admit(task({ attempt: 1 }), 'lane')).toBe('record');
    expect(now.admit(task(), 'lane')).toBe('defer');
    expect(now.admit(task(), 'lane')).toBe('stop');
    expect(now.admit(task({ task_type: 'u' }), 'lane')).toBe('skip');
  });

  it('of one type leaves the slots to the others when its type is full', () => {
    const one = rooms({ now: 1, later: 0 }, 5);
    expect([one.admit(task(), 'lane'), one.admit(task(), 'lane')]).toEqual(['record', 'stop']);
  });
});
