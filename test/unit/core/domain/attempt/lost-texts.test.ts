// What is recorded of an attempt that the leader ends in its holder's place, word for word: people read it.
import { describe, expect, it } from 'vitest';
import {
  type DeviceLoss,
  endBlocked,
  endForeign,
  endLost,
  endOverdue,
  endRevoked,
  type HeldAttempt,
  type HeldTask,
  LOST_BECAUSE,
} from '../../../../../src/core/domain/attempt/lost.ts';

const policy = {
  ...{ max_retry_count: 3, retry_backoff: { initial: 30, max: 3600, jitter: 0 }, lost_backoff: [0, 60, 300] },
};
const attempt: HeldAttempt = {
  ...{ device_id: 'w1', perhaps_unbegun: false, begun: true, revoked_at: null, revoke_outcome: null },
};
const task: HeldTask = { retry: 1, max_retry_count: null, lost_count: 0, target_device_id: null };
const revoked: HeldAttempt = { ...attempt, revoked_at: '2026-11-24 10:00:00.000', revoke_outcome: 'cancelled' };
const foreign = {
  assignment: {
    ...{ status: 'lost', cause: 'foreign', error_class: null },
    error_message: 'this attempt of device w1 no longer held the task',
  },
};

describe('a lost attempt', () => {
  it.each<[DeviceLoss, string]>([
    ['device_dead', 'device w1 was declared dead'],
    ['device_offline', 'device w1 is offline'],
    ['device_removed', 'device w1 was removed'],
    ['superseded', 'device w1 was replaced by a new instance'],
  ])('%s says so, on the task too', (cause, error_message) => {
    const assignment = { status: 'lost', cause, error_class: null, error_message };
    expect(endLost(attempt, task, cause, policy)).toStrictEqual({
      assignment,
      task: { status: 'pending', retry: 1, lost_count: 1, due_in_s: null, last_error: error_message },
    });
    expect(endLost(attempt, undefined, cause, policy)).toStrictEqual({ assignment });
    expect(endLost(revoked, undefined, cause, policy)).toStrictEqual({ assignment });
  });

  it('that did not begin, or is another program’s, has its reason', () => {
    const unbegun = endOverdue({ ...attempt, begun: false }, task, policy, () => 0.5);
    expect(unbegun.task?.last_error).toBe(
      'device w1 did not start it before the deadline, or did not report the start',
    );
    expect(LOST_BECAUSE.foreign).toBe('held a task that another program changed');
    expect(endForeign(attempt)).toStrictEqual(foreign);
  });

  it('is poison at the last death, and says of how many', () => {
    expect(endLost(attempt, { ...task, lost_count: 2 }, 'device_offline', policy)).toStrictEqual({
      assignment: {
        ...{ status: 'lost', cause: 'device_offline', error_class: 'poison', error_message: 'device w1 is offline' },
      },
      task: {
        ...{ status: 'failed', retry: 1, lost_count: 3, due_in_s: null },
        last_error: 'poison: 3 worker(s) died while running it; last error: device w1 is offline',
      },
    });
  });

  it('that nobody knows to have begun is never poison, and waits for nothing', () => {
    const held = { ...task, retry: null, lost_count: 9 };
    expect(endLost({ ...attempt, perhaps_unbegun: true }, held, 'device_dead', policy).task).toMatchObject({
      ...{ status: 'pending', retry: 0, lost_count: 9, due_in_s: null },
    });
    const second = { ...task, lost_count: 2 };
    const waits = { ...policy, lost_backoff: [0, 60, 300, 900] };
    expect(endLost({ ...attempt, perhaps_unbegun: true }, second, 'device_dead', waits).task?.due_in_s).toBeNull();
    expect(endLost(attempt, second, 'device_dead', waits).task).toMatchObject({ lost_count: 3, due_in_s: 300 });
  });
});

describe('an attempt past its deadline', () => {
  it('says where it ran; the wait is the fleet’s backoff, none where the budget is spent', () => {
    const error_message = 'exceeded its deadline on device w1, which did not end it';
    const assignment = { status: 'timeout', cause: 'deadline', error_class: 'timeout', error_message };
    const end = (of: Partial<HeldTask>) => endOverdue(attempt, { ...task, lost_count: 2, ...of }, policy, () => 0.5);
    const written = { lost_count: 2, last_error: error_message };
    expect(end({})).toStrictEqual({ assignment, task: { ...written, status: 'pending', retry: 2, due_in_s: 60 } });
    expect(end({ retry: 3 })).toStrictEqual({
      assignment,
      task: { ...written, status: 'failed', retry: 4, due_in_s: null },
    });
    expect(end({ retry: null, target_device_id: 'w2' }).task).toMatchObject({
      ...{ status: 'assigned', retry: 1, due_in_s: 30 },
    });
  });
});

describe('a revoked attempt', () => {
  it('ends as the operator wanted; without a word of how, it is released', () => {
    const error_message = 'revoked; ended by the leader, because device w1 did not';
    const kept = { retry: 1, lost_count: 0, due_in_s: null, last_error: null };
    expect(endRevoked(revoked, task)).toStrictEqual({
      assignment: { status: 'cancelled', cause: 'revoked', error_class: null, error_message },
      task: { ...kept, status: 'cancelled' },
    });
    expect(endRevoked({ ...revoked, revoke_outcome: null }, { ...task, retry: null })).toStrictEqual({
      assignment: { status: 'released', cause: 'revoked', error_class: null, error_message },
      task: { ...kept, status: 'pending', retry: 0 },
    });
  });
});

describe('an attempt of a blocked process', () => {
  it('is released by its other thread, nothing spent', () => {
    expect(endBlocked(attempt, { ...task, retry: null, lost_count: 2 })).toStrictEqual({
      assignment: {
        ...{ status: 'released', cause: 'blocked', error_class: null },
        error_message: 'released, because the main thread of device w1 was blocked',
      },
      task: { status: 'pending', retry: 0, lost_count: 2, due_in_s: null, last_error: null },
    });
    expect(endBlocked(attempt, { ...task, target_device_id: 'w2' }).task).toMatchObject({
      ...{ status: 'assigned', retry: 1 },
    });
  });

  it('is left to the device that has it now, or to the operator who revoked it', () => {
    expect(endBlocked(attempt, undefined)).toStrictEqual(foreign);
    expect(endBlocked(revoked, task)).toStrictEqual(endRevoked(revoked, task));
  });
});
