import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { OpenAssignment } from '../../../../../src/core/db/attempts/open-assignments.ts';
import type { ClaimedTask } from '../../../../../src/core/db/claim/claimed-task.ts';
import { laneKey } from '../../../../../src/core/domain/lane.ts';
import { monotonic } from '../../../../../src/core/runtime/clock.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { HeldAttempts } from '../../../../../src/core/worker/run/held-attempts.ts';
import { finishOf, type RunningAttempt, waitingAttempt } from '../../../../../src/core/worker/run/running-attempt.ts';

const token = randomBytes(16);

function held({ startFlushAfterMs = 0 } = {}) {
  const events = new Events();
  const seen: string[] = [];
  for (const name of ['task:claimed', 'task:lost', 'warning'] as const)
    events.on(name, (data) => seen.push('task_id' in data ? `${name} ${data.task_id}` : name));
  const timings = new TaskTimings();
  const attempts = new HeldAttempts({ events, timings, returned: () => {}, startFlushAfterMs, deadlineSlackS: 30 });
  const aborted: Array<[number, string]> = [];
  /** An attempt that was claimed a second ago; `assignment_id` null = its claim is deferred. */
  const add = (id: number, assignment_id: number | null = null): RunningAttempt => {
    const claimed = {
      ...{ id, attempt: 0, task_type: 't', required_capabilities: null, claim_rank: 5, assignment_id },
    } as ClaimedTask;
    const attempt = waitingAttempt(claimed, token, 60, { generation: 0, claimedAt: monotonic() - 1000 }, (one, why) =>
      aborted.push([one.task_id, why]),
    );
    attempts.add(attempt);
    return attempt;
  };
  const run = (attempt: RunningAttempt) => Object.assign(attempt, { state: 'running' as const });
  return { attempts, add, run, seen, aborted };
}

const row = (task_id: number, over: Partial<OpenAssignment> = {}): OpenAssignment => ({
  ...{
    task_id,
    assignment_id: 70 + task_id,
    claim_token: token,
    revoked: false,
    revoke_outcome: null,
    revoked_by: null,
    ...over,
  },
});

describe('attempts that a worker holds', () => {
  test('are open until they end, and held until they leave their slots', () => {
    const { attempts, add, run, seen } = held();
    const one = run(add(1));
    expect(attempts).toMatchObject({ open: 1, claimed: 1 });
    attempts.ended({ finish: finishOf(one, { kind: 'done', result: null, enqueue: [] }, 5), lost: false });
    expect(attempts.open).toBe(0);
    expect(attempts.has(one.key)).toBe(true);
    attempts.delete(one);
    expect(attempts.all()).toEqual([]);
    expect(seen).toEqual(['task:claimed 1']);
  });

  test('are released with the lane in which their tasks wait again', () => {
    const { add } = held();
    const { lane } = finishOf(add(1), { kind: 'released', cause: 'shutdown' }, null);
    expect(lane).toEqual({ lane: laneKey('t', null), claim_rank: 5, task_type: 't', required_capabilities: null });
    expect(finishOf(add(2), { kind: 'done', result: null, enqueue: [] }, 5).lane).toBeUndefined();
  });
});

describe('what goes on', () => {
  test('gets its row once it has lasted, unless the server refuses it', () => {
    const { attempts, add, run, seen } = held();
    const [one, two] = [run(add(1)), run(add(2)), add(3, 73)];
    expect(attempts.dueToMaterialize()).toEqual([one, two]);
    attempts.unwritable(one, new Error('out of range'));
    attempts.materialized([two], [{ task_id: 2, assignment_id: 72 }]);
    expect(attempts.dueToMaterialize()).toEqual([]);
    expect(two).toMatchObject({ assignment_id: 72 });
    expect(seen).toContain('warning');
  });

  test('is lost when there was no row to get', () => {
    const { attempts, add, run, aborted, seen } = held();
    const one = run(add(1));
    attempts.materialized([one], []);
    expect(aborted).toEqual([[1, 'lost']]);
    expect(seen).toContain('task:lost 1');
    attempts.materialized([one], []);
    expect(aborted).toHaveLength(1);
  });

  test('is written as started once; lost when that touched no row', () => {
    const { attempts, add, run, aborted } = held();
    run(add(1, 71));
    add(2, 72);
    expect(attempts.dueStarts()).toEqual([expect.objectContaining({ assignment_id: 71, lease_s: 90 })]);
    expect(attempts.dueStarts()).toEqual([]);
    attempts.startsLost([71, 72]);
    expect(aborted).toEqual([[1, 'lost']]);
  });

  test('says when it is next due', () => {
    const { attempts, add, run } = held({ startFlushAfterMs: 60_000 });
    expect(attempts.nextStartMs()).toBe(Number.POSITIVE_INFINITY);
    run(add(1));
    expect(attempts.nextStartMs()).toBeGreaterThan(58_000);
    expect(attempts.nextStartMs()).toBeLessThanOrEqual(59_000);
  });
});

describe('the list of the database', () => {
  const later = () => monotonic() + 1;

  test('revokes, finds what another process ended, and shows rows that another process made', () => {
    const { attempts, add, run, aborted } = held();
    const [revoked, , deferred] = [run(add(1, 71)), run(add(2, 72)), run(add(3))];
    expect(attempts.compare(later(), [row(1, { revoked: true }), row(3)])).toEqual([]);
    expect(aborted).toEqual([
      [1, 'revoked'],
      [2, 'lost'],
    ]);
    expect(revoked!.stop.reason).toBe('revoked');
    expect(deferred).toMatchObject({ assignment_id: 73 });
  });

  test('says nothing of what was claimed after it was read, nor of a deferred claim without a row', () => {
    const { attempts, add, run, aborted } = held();
    const before = monotonic() - 1;
    run(add(1, 71));
    run(add(2));
    attempts.compare(before, []);
    expect(aborted).toEqual([]);
    attempts.compare(later(), []);
    expect(aborted).toEqual([[1, 'lost']]);
  });

  test('names what does not run here', () => {
    const { attempts, add } = held();
    add(1, 71);
    const other = row(1, { claim_token: randomBytes(16) });
    expect(attempts.compare(later(), [row(1), other, row(9)])).toEqual([other, row(9)]);
  });
});
