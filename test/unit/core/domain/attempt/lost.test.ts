import { describe, expect, test } from 'vitest';
import {
  bareEnd,
  endForeign,
  endLost,
  endOverdue,
  endRevoked,
  fittedEnd,
  type HeldAttempt,
  type HeldTask,
} from '../../../../../src/core/domain/attempt/lost.ts';
import { canMove, canMoveAssignment } from '../../../../../src/core/domain/task/task-state.ts';
import { ANY_WIDTH } from '../../../../../src/core/domain/text/fit-text.ts';

const policy = {
  max_retry_count: 3,
  retry_backoff: { initial: 30, max: 3600, jitter: 0 },
  lost_backoff: [0, 60, 300],
};
const attempt: HeldAttempt = {
  device_id: 'worker-001',
  perhaps_unbegun: false,
  begun: true,
  revoked_at: null,
  revoke_outcome: null,
};
const task: HeldTask = { retry: 1, max_retry_count: null, lost_count: 0, target_device_id: null };
const revoked = (outcome: 'cancelled' | 'released'): HeldAttempt => ({
  ...attempt,
  revoked_at: '2026-11-24 10:00:00.000',
  revoke_outcome: outcome,
});

describe('lost', () => {
  test('the task is open again at once, its retry unspent, the death counted', () => {
    const end = endLost(attempt, task, 'device_dead', policy);
    expect(end.assignment).toMatchObject({ status: 'lost', cause: 'device_dead', error_class: null });
    expect(end.task).toMatchObject({ status: 'pending', retry: 1, lost_count: 1, due_in_s: null });
  });

  test('the second death waits a minute, the third is poison and fails the task', () => {
    expect(endLost(attempt, { ...task, lost_count: 1 }, 'device_dead', policy).task).toMatchObject({
      status: 'pending',
      lost_count: 2,
      due_in_s: 60,
    });
    const end = endLost(attempt, { ...task, lost_count: 2 }, 'device_dead', policy);
    expect(end.assignment).toMatchObject({ status: 'lost', error_class: 'poison' });
    expect(end.task).toMatchObject({ status: 'failed', retry: 1, lost_count: 3 });
    expect(end.task?.last_error).toMatch(/^poison: .*worker-001/);
  });

  test('a task with a target is directed at it', () => {
    expect(endLost(attempt, { ...task, target_device_id: 'worker-002' }, 'device_dead', policy).task?.status).toBe(
      'assigned',
    );
  });

  test('a cancelled attempt whose worker died ends as the operator wanted, and counts no death', () => {
    const end = endLost(revoked('cancelled'), task, 'device_dead', policy);
    expect(end.assignment.status).toBe('cancelled');
    expect(end.task).toMatchObject({ status: 'cancelled', lost_count: 0 });
  });

  test('B4 an attempt whose task is another one’s by now is closed without touching the task', () => {
    expect(endLost(attempt, undefined, 'device_dead', policy).task).toBeUndefined();
    expect(endOverdue(attempt, undefined, policy, () => 0.5)).toEqual(endForeign(attempt));
    expect(endRevoked(revoked('cancelled'), undefined)).toEqual(endForeign(attempt));
  });
});

describe('overdue', () => {
  test('fails the task when the budget is spent, by its own number before that of the fleet', () => {
    expect(endOverdue(attempt, { ...task, retry: 3 }, policy, () => 0.5).task).toMatchObject({
      status: 'failed',
      retry: 4,
    });
    expect(endOverdue(attempt, { ...task, retry: 0, max_retry_count: 0 }, policy, () => 0.5).task?.status).toBe(
      'failed',
    );
    expect(endOverdue(attempt, { ...task, retry: 3, max_retry_count: 9 }, policy, () => 0.5).task?.status).toBe(
      'pending',
    );
  });

  test('a revoked attempt ends as revoked, and spends nothing', () => {
    expect(endOverdue(revoked('released'), task, policy, () => 0.5)).toEqual(endRevoked(revoked('released'), task));
  });
});

describe('finding F2: past its deadline without having begun, as far as anybody knows', () => {
  const unbegun = { ...attempt, begun: false };
  const spent = { ...task, retry: 3, max_retry_count: 0 };

  test('is lost and due now, neither timed out nor failed; no retry is spent, however small the budget', () => {
    for (const held of [task, spent]) {
      for (const perhaps_unbegun of [true, false]) {
        const end = endOverdue({ ...unbegun, perhaps_unbegun }, held, policy, () => 0.5);
        expect(end.assignment).toMatchObject({ status: 'lost', cause: 'not_begun', error_class: null });
        expect(end.task).toMatchObject({ status: 'pending', retry: held.retry, due_in_s: null });
      }
    }
  });

  test('recorded in its worker’s place it counts nothing; else as often as deaths make poison it is set aside', () => {
    const again = (lost_count: number, perhaps_unbegun: boolean) =>
      endOverdue({ ...unbegun, perhaps_unbegun }, { ...task, lost_count }, policy, () => 0.5);
    expect(again(2, true).task).toMatchObject({ status: 'pending', lost_count: 2 });
    expect(again(0, false).task).toMatchObject({ status: 'pending', lost_count: 1 });
    const last = again(2, false);
    expect(last.assignment).toMatchObject({ status: 'lost', error_class: 'poison' });
    expect(last.task).toMatchObject({ status: 'failed', retry: 1, lost_count: 3 });
    expect(last.task?.last_error).toMatch(
      /^poison: 3 worker\(s\) were lost before it started; last error: device worker-001 did not/,
    );
  });

  test('a task that is no longer its own, or that was revoked, is not touched by this', () => {
    expect(endOverdue(unbegun, undefined, policy, () => 0.5)).toEqual(endForeign(attempt));
    const wanted = { ...revoked('cancelled'), begun: false };
    expect(endOverdue(wanted, task, policy, () => 0.5).task?.status).toBe('cancelled');
  });
});

describe('the texts of an end', () => {
  const end = endLost(attempt, { ...task, lost_count: 2 }, 'device_dead', policy);
  const narrow = { characters: 20, bytes: 80, holds: 'all' as const };

  test('are cut to what each column holds, and nothing else is changed', () => {
    const fitted = fittedEnd(end, { last_error: narrow, error_message: ANY_WIDTH });
    expect(fitted.task?.last_error).toBe('poison: 3 worker(s)…');
    expect(fitted).toEqual({ ...end, task: { ...end.task, last_error: 'poison: 3 worker(s)…' } });
    const silent = endRevoked(revoked('cancelled'), task);
    expect(fittedEnd(silent, { last_error: narrow, error_message: ANY_WIDTH })).toEqual(silent);
    expect(fittedEnd(endForeign(attempt), { last_error: narrow, error_message: narrow }).task).toBeUndefined();
  });

  test('can be left out', () => {
    const bare = bareEnd(end);
    expect([bare.task?.last_error, bare.assignment.error_message]).toEqual([null, null]);
    expect(bare.assignment.error_class).toBe('poison');
  });
});

test('a revoked attempt is released to its next device', () => {
  const next = { ...task, target_device_id: 'worker-002' };
  expect(endRevoked(revoked('released'), next).task).toMatchObject({ status: 'assigned', retry: 1, due_in_s: null });
});

test('every end is a move that the transition tables allow', () => {
  const ends = [0, 1, 2].flatMap((lost_count) =>
    [null, 'worker-002'].flatMap((target_device_id) =>
      [0, 9].flatMap((retry) => {
        const held = { ...task, lost_count, target_device_id, retry };
        return [
          endLost(attempt, held, 'superseded', policy),
          endOverdue(attempt, held, policy, () => 0.5),
          endOverdue({ ...attempt, begun: false }, held, policy, () => 0.5),
          endRevoked(revoked('cancelled'), held),
          endRevoked(revoked('released'), held),
        ];
      }),
    ),
  );
  for (const end of ends) {
    expect(canMoveAssignment('running', end.assignment.status)).toBe(true);
    expect(canMove('running', end.task?.status ?? 'pending')).toBe(true);
  }
});
