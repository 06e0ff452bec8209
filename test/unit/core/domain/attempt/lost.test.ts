// How the leader ends an attempt in its holder's place; the texts word for word, because people read them.
import { describe, expect, it } from 'vitest';
import {
  bareEnd,
  type DeviceLoss,
  endBlocked,
  endForeign,
  endLost,
  endOverdue,
  endRevoked,
  fittedEnd,
  type HeldAttempt,
  type HeldTask,
  LOST_BECAUSE,
} from '../../../../../src/core/domain/attempt/lost.ts';
import { ANY_WIDTH } from '../../../../../src/core/domain/text/fit-text.ts';

const policy = { max_retry_count: 3, retry_backoff: { initial: 30, max: 3600, jitter: 0 }, lost_backoff: [0, 60, 300] };
const attempt: HeldAttempt = {
  ...{ device_id: 'w1', perhaps_unbegun: false, begun: true, revoked_at: null, revoke_outcome: null },
};
const AT = { revoked_at: '2026-11-24 10:00:00.000' };
const task: HeldTask = { retry: 1, max_retry_count: null, lost_count: 0, target_device_id: null };
const elsewhere: HeldTask = { ...task, target_device_id: 'w2' };
const revoked = (as: HeldAttempt['revoke_outcome'], of = attempt): HeldAttempt => ({
  ...of,
  ...AT,
  revoke_outcome: as,
});
const overdue = (of: HeldAttempt, held: HeldTask | undefined) => endOverdue(of, held, policy, () => 0.5);
const error_message = 'this attempt of device w1 no longer held the task';
const foreign = { assignment: { status: 'lost', cause: 'foreign', error_class: null, error_message } };

describe('a lost attempt', () => {
  it.each<[DeviceLoss, string]>([
    ['device_dead', 'device w1 was declared dead'],
    ['device_offline', 'device w1 is offline'],
    ['device_removed', 'device w1 was removed'],
    ['superseded', 'device w1 was replaced by a new instance'],
  ])('%s: the task is open again at once, its retry unspent, the death counted', (cause, error_message) => {
    expect(endLost(attempt, task, cause, policy)).toStrictEqual({
      assignment: { status: 'lost', cause, error_class: null, error_message },
      task: { status: 'pending', retry: 1, lost_count: 1, due_in_s: null, last_error: error_message },
    });
  });

  it('waits a minute for the second death; the third is poison and fails the task', () => {
    const second = endLost(attempt, { ...task, lost_count: 1 }, 'device_dead', policy).task;
    expect(second).toMatchObject({ status: 'pending', lost_count: 2, due_in_s: 60 });
    const error_message = 'device w1 is offline';
    const last_error = 'poison: 3 worker(s) died while running it; last error: device w1 is offline';
    expect(endLost(attempt, { ...task, lost_count: 2 }, 'device_offline', policy)).toStrictEqual({
      assignment: { status: 'lost', cause: 'device_offline', error_class: 'poison', error_message },
      task: { status: 'failed', retry: 1, lost_count: 3, due_in_s: null, last_error },
    });
  });

  it('that nobody knows to have begun is never poison, and waits for nothing', () => {
    const unknown = { ...attempt, perhaps_unbegun: true };
    const ninth = endLost(unknown, { ...task, retry: null, lost_count: 9 }, 'device_dead', policy).task;
    expect(ninth).toMatchObject({ status: 'pending', retry: 0, lost_count: 9, due_in_s: null });
    const waits = { ...policy, lost_backoff: [0, 60, 300, 900] };
    const third = (of: HeldAttempt) => endLost(of, { ...task, lost_count: 2 }, 'device_dead', waits).task;
    expect(third(unknown)).toMatchObject({ lost_count: 2, due_in_s: null });
    expect(third(attempt)).toMatchObject({ lost_count: 3, due_in_s: 300 });
  });

  it('sends a task with a target to it; one that was cancelled ends so, and counts no death', () => {
    expect(endLost(attempt, elsewhere, 'device_dead', policy).task?.status).toBe('assigned');
    const end = endLost(revoked('cancelled'), task, 'device_dead', policy);
    expect(end).toMatchObject({ assignment: { status: 'cancelled' }, task: { status: 'cancelled', lost_count: 0 } });
  });

  it('B4 an attempt whose task is another one’s by now is closed without touching the task', () => {
    const assignment = { ...foreign.assignment, cause: 'device_dead', error_message: 'device w1 was declared dead' };
    for (const of of [attempt, revoked('cancelled')])
      expect(endLost(of, undefined, 'device_dead', policy)).toStrictEqual({ assignment });
    expect(overdue(attempt, undefined)).toStrictEqual(foreign);
    expect(overdue({ ...attempt, begun: false }, undefined)).toStrictEqual(foreign);
    expect(endRevoked(revoked('cancelled'), undefined)).toStrictEqual(foreign);
    expect(endBlocked(attempt, undefined)).toStrictEqual(foreign);
    expect(LOST_BECAUSE.foreign).toBe('held a task that another program changed');
  });
});

describe('an attempt past its deadline', () => {
  it('spends a retry, and fails the task when the budget is spent, by its own number before that of the fleet', () => {
    const error_message = 'exceeded its deadline on device w1, which did not end it';
    const assignment = { status: 'timeout', cause: 'deadline', error_class: 'timeout', error_message };
    const end = (of: Partial<HeldTask>) => overdue(attempt, { ...task, lost_count: 2, ...of });
    const written = { lost_count: 2, last_error: error_message };
    expect(end({})).toStrictEqual({ assignment, task: { ...written, status: 'pending', retry: 2, due_in_s: 60 } });
    const spent = { ...written, status: 'failed', retry: 4, due_in_s: null };
    expect(end({ retry: 3 })).toStrictEqual({ assignment, task: spent });
    expect(end({ retry: 0, max_retry_count: 0 }).task?.status).toBe('failed');
    expect(end({ retry: 3, max_retry_count: 9 }).task?.status).toBe('pending');
    const next = end({ retry: null, target_device_id: 'w2' }).task;
    expect(next).toMatchObject({ status: 'assigned', retry: 1, due_in_s: 30 });
  });

  it('ends as the operator wanted where it was revoked, begun or not', () => {
    expect(overdue(revoked('released'), task)).toEqual(endRevoked(revoked('released'), task));
    expect(overdue(revoked('cancelled', { ...attempt, begun: false }), task).task?.status).toBe('cancelled');
  });
});

describe('finding F2: past its deadline without having begun, as far as anybody knows', () => {
  const again = (perhaps_unbegun: boolean, of: Partial<HeldTask> = {}) =>
    overdue({ ...attempt, begun: false, perhaps_unbegun }, { ...task, ...of });

  it.each([true, false])('is lost and due now; no retry is spent, however small the budget: %s', (perhaps_unbegun) => {
    const last_error = 'device w1 did not start it before the deadline, or did not report the start';
    expect(again(perhaps_unbegun, { retry: 3, max_retry_count: 0 })).toMatchObject({
      assignment: { status: 'lost', cause: 'not_begun', error_class: null },
      task: { status: 'pending', retry: 3, due_in_s: null, last_error },
    });
  });

  it('recorded in its worker’s place it counts nothing; else as often as deaths make poison it is set aside', () => {
    expect(again(true, { lost_count: 2 }).task).toMatchObject({ status: 'pending', lost_count: 2 });
    expect(again(false).task).toMatchObject({ status: 'pending', lost_count: 1 });
    expect(again(false, { lost_count: 2 })).toMatchObject({
      assignment: { status: 'lost', error_class: 'poison' },
      task: { status: 'failed', retry: 1, lost_count: 3, last_error: expect.stringMatching(/^poison: 3 .* were lost/) },
    });
  });
});

it('a revoked attempt ends as the operator wanted; without a word of how, it is released', () => {
  const error_message = 'revoked; ended by the leader, because device w1 did not';
  const end = (status: string) => ({ status, cause: 'revoked', error_class: null, error_message });
  const kept = { retry: 1, lost_count: 0, due_in_s: null, last_error: null };
  const cancelled = { assignment: end('cancelled'), task: { ...kept, status: 'cancelled' } };
  expect(endRevoked(revoked('cancelled'), task)).toStrictEqual(cancelled);
  const released = { assignment: end('released'), task: { ...kept, status: 'pending', retry: 0 } };
  expect(endRevoked(revoked(null), { ...task, retry: null })).toStrictEqual(released);
  expect(endRevoked(revoked('released'), elsewhere).task).toStrictEqual({ ...kept, status: 'assigned' });
});

it('an attempt of a blocked process is released by its other thread, nothing spent, or as the operator wanted', () => {
  const error_message = 'released, because the main thread of device w1 was blocked';
  expect(endBlocked(attempt, { ...task, retry: null, lost_count: 2 })).toStrictEqual({
    assignment: { status: 'released', cause: 'blocked', error_class: null, error_message },
    task: { status: 'pending', retry: 0, lost_count: 2, due_in_s: null, last_error: null },
  });
  expect(endBlocked(attempt, elsewhere).task).toMatchObject({ status: 'assigned', retry: 1 });
  expect(endBlocked(revoked('cancelled'), task)).toStrictEqual(endRevoked(revoked('cancelled'), task));
});

it('the texts of an end are cut to what each column holds, or left out, and nothing else is changed', () => {
  const end = endLost(attempt, { ...task, lost_count: 2 }, 'device_dead', policy);
  const widths = { last_error: { characters: 20, bytes: 80, holds: 'all' as const }, error_message: ANY_WIDTH };
  expect(fittedEnd(end, widths)).toEqual({ ...end, task: { ...end.task, last_error: 'poison: 3 worker(s)…' } });
  const silent = endRevoked(revoked('cancelled'), task);
  expect(fittedEnd(silent, widths)).toEqual(silent);
  expect(fittedEnd(endForeign(attempt), widths).task).toBeUndefined();
  expect(bareEnd(end)).toEqual({
    assignment: { ...end.assignment, error_message: null },
    task: { ...end.task, last_error: null },
  });
});
