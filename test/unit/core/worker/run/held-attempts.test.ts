import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { OpenAssignment } from '../../../../../src/core/db/attempts/open-assignments.ts';
import { monotonic } from '../../../../../src/core/runtime/clock.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { HeldAttempts } from '../../../../../src/core/worker/run/held-attempts.ts';
import { type RunningAttempt, waitingAttempt } from '../../../../../src/core/worker/run/running-attempt.ts';
import { claimedTask } from '../../../../helpers/claimed-task.ts';

const token = randomBytes(16);

function held() {
  const events = new Events();
  const seen: string[] = [];
  for (const name of ['task:claimed', 'task:lost', 'warning'] as const)
    events.on(name, (data) => seen.push('task_id' in data ? `${name} ${data.task_id}` : name));
  const timings = new TaskTimings();
  const attempts = new HeldAttempts({ events, timings, returned: () => {}, startFlushAfterMs: 0, deadlineSlackS: 30 });
  const aborted: Array<[number, string]> = [];
  /** An attempt that was claimed a second ago; `assignment_id` null = its claim is deferred. */
  const add = (id: number, assignment_id: number | null = null): RunningAttempt => {
    const at = { generation: 0, claimedAt: monotonic() - 1000 };
    const attempt = waitingAttempt(claimedTask({ id, assignment_id }), token, 60, at, (one, why) =>
      aborted.push([one.task_id, why]),
    );
    attempts.add(attempt);
    return attempt;
  };
  const run = (attempt: RunningAttempt) => Object.assign(attempt, { state: 'running' as const });
  return { attempts, add, run, seen, aborted };
}

const row = (task_id: number, over: Partial<OpenAssignment> = {}): OpenAssignment => ({
  ...{ task_id, assignment_id: 70 + task_id, claim_token: token },
  ...{ revoked: false, revoke_outcome: null, revoked_by: null },
  ...over,
});
const later = () => monotonic() + 1;

test('what lasts gets its row, unless the server refuses it; it is lost, once, when there was none to get', () => {
  const { attempts, add, run, aborted, seen } = held();
  const [one, two, three] = [run(add(1)), run(add(2)), run(add(3)), add(4, 74)];
  expect(attempts.dueToMaterialize()).toEqual([one, two, three]);
  attempts.unwritable(one, new Error('out of range'));
  attempts.materialized([two, three], [{ task_id: 2, assignment_id: 72 }]);
  expect(two).toMatchObject({ assignment_id: 72 });
  expect(attempts.dueToMaterialize()).toEqual([three]);
  attempts.materialized([three], []);
  expect(aborted).toEqual([[3, 'lost']]);
  expect(seen).toEqual(expect.arrayContaining(['warning', 'task:lost 3']));
});

test('what runs is written as started once, when that is due, and is lost when that touched no row', () => {
  const { attempts, add, run, aborted } = held();
  expect(attempts.nextStartMs()).toBe(Number.POSITIVE_INFINITY);
  run(add(1, 71));
  add(2, 72);
  expect(attempts.nextStartMs()).toBeLessThanOrEqual(0);
  expect(attempts.dueStarts()).toEqual([expect.objectContaining({ assignment_id: 71, lease_s: 90 })]);
  expect(attempts.dueStarts()).toEqual([]);
  attempts.startsLost([71, 72]);
  expect(aborted).toEqual([[1, 'lost']]);
});

test('the list of the database revokes, shows what other processes ended or made, and names what does not run here', () => {
  const { attempts, add, run, aborted } = held();
  const [revoked, , deferred] = [run(add(1, 71)), run(add(2, 72)), run(add(3))];
  const other = row(1, { claim_token: randomBytes(16) });
  const list = [row(1, { revoked: true }), row(3), other, row(9)];
  expect(attempts.compare(later(), list)).toEqual([other, row(9)]);
  expect(aborted).toEqual([
    [1, 'revoked'],
    [2, 'lost'],
  ]);
  expect(revoked!.stop.reason).toBe('revoked');
  expect(deferred).toMatchObject({ assignment_id: 73 });
});

test('the list says nothing of what was claimed after it was read, nor of a deferred claim without a row', () => {
  const { attempts, add, run, aborted } = held();
  const before = monotonic() - 1;
  run(add(1, 71));
  run(add(2));
  attempts.compare(before, []);
  expect(aborted).toEqual([]);
  attempts.compare(later(), []);
  expect(aborted).toEqual([[1, 'lost']]);
});
