import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../../../src/core/domain/attempt/outcome.ts';
import {
  type Finish,
  inlineClaim,
  type LockedAssignment,
  type LockedTask,
  type Reconciled,
  reconcile,
} from '../../../../../src/core/domain/attempt/reconcile.ts';

const MINE = Buffer.alloc(16, 1);
const OTHER = Buffer.alloc(16, 2);
const policy = { maxRetryCount: 3, backoff: (retry: number) => retry * 10 };

const finish = (outcome: Outcome, over: Partial<Finish> = {}): Finish => ({
  ...{ task_id: 7, task_type: 't', attempt: 2, assignment_id: 70, claim_token: MINE, outcome, age_ms: 5 },
  ...over,
});
const task = (over: Partial<LockedTask> = {}): LockedTask => ({
  ...{ id: 7, claim_token: MINE, status: 'running', retry: 1, max_retry_count: null, target_device_id: null },
  ...{ attempt: 2, claimed_by: null, claimed_at: null, claim_deadline: null },
  ...over,
});
const deferred = (over: Partial<LockedTask> = {}) =>
  task({ claimed_by: 'w1', claimed_at: '2026-01-01 00:00:00.000', claim_deadline: '2026-01-01 00:30:00.000', ...over });
const row = (over: Partial<LockedAssignment> = {}): LockedAssignment => ({
  ...{ id: 70, task_id: 7, claim_token: MINE, status: 'running', revoked_at: null, revoke_outcome: null },
  ...over,
});

const done: Outcome = { kind: 'done', result: { rows: 1 }, enqueue: [] };
const retry: Outcome = { kind: 'retry', error_message: 'boom', error_class: 'E' };
const permanent: Outcome = { kind: 'permanent', error_message: 'never', error_class: 'P' };
const later: Outcome = { kind: 'later', error_message: 'quota', after: 60 };
const timeout: Outcome = { kind: 'timeout', error_message: 'too long' };
const released: Outcome = { kind: 'released', cause: 'shutdown' };
const ALL = { done, retry, permanent, later, timeout, released };

const accepted = (reconciled: Reconciled) => {
  if (reconciled.kind !== 'accepted') throw new Error(`it is ${reconciled.kind}`);
  const { finish: _, record: __, ...rest } = reconciled.end;
  return rest;
};
const settled = (outcome: Outcome, of: Partial<LockedTask> = {}, record: Partial<LockedAssignment> = {}) =>
  accepted(reconcile(finish(outcome), task(of), row(record), policy));
const NOTHING = { error_message: null, error_class: null, cause: null, result: null };

describe('what an end writes', () => {
  it('done: the result, and nothing is spent', () => {
    const written = { assignment_status: 'completed', task_status: 'done', retry: 1 };
    expect(settled(done)).toEqual({ ...NOTHING, ...written, result: '{"rows":1}' });
    expect(settled({ ...done, result: undefined }).result).toBe('null');
    expect(settled({ ...done, result: 0 }).result).toBe('0');
  });

  it('a failed attempt: one more is spent, and the task waits its backoff', () => {
    const text = { error_message: 'boom', error_class: 'E', cause: null, result: null };
    const written = { assignment_status: 'failed', task_status: 'pending', retry: 2, due_in_s: 20 };
    expect(settled(retry)).toEqual({ ...text, ...written });
  });

  it('a failed attempt that says when: then, also at once', () => {
    expect(settled({ ...retry, after: 7 }).due_in_s).toBe(7);
    expect(settled({ ...retry, after: 0 }).due_in_s).toBe(0);
  });

  it('a timeout: like a failed attempt, under its own name', () => {
    const written = { assignment_status: 'timeout', task_status: 'pending', retry: 2, due_in_s: 20, cause: null };
    expect(settled(timeout)).toEqual({ ...written, error_message: 'too long', error_class: 'timeout', result: null });
  });

  it('the last of the budget: N retries are N + 1 attempts, by the task before the fleet', () => {
    const spent = { assignment_status: 'failed', task_status: 'failed', error_message: 'boom', error_class: 'E' };
    expect(settled(retry, { retry: 2 })).toMatchObject({ task_status: 'pending', retry: 3 });
    expect(settled(retry, { retry: 3 })).toEqual({ ...NOTHING, ...spent, retry: 4 });
    expect(settled(retry, { retry: 0, max_retry_count: 0 })).toEqual({ ...NOTHING, ...spent, retry: 1 });
    expect(settled(retry, { retry: 3, max_retry_count: 4 })).toMatchObject({ task_status: 'pending', retry: 4 });
    expect(settled(timeout, { retry: 3 })).toMatchObject({ assignment_status: 'timeout', task_status: 'failed' });
  });

  it('permanent: failed for good, whatever the budget', () => {
    const written = { assignment_status: 'failed', task_status: 'failed', retry: 2 };
    expect(settled(permanent)).toEqual({ ...NOTHING, ...written, error_message: 'never', error_class: 'P' });
  });

  it('later and released: nothing is spent; later says when', () => {
    const given = { assignment_status: 'released', task_status: 'pending', retry: 1, error_class: null, result: null };
    expect(settled(later)).toEqual({ ...given, due_in_s: 60, error_message: 'quota', cause: 'later' });
    expect(settled(released)).toEqual({ ...given, error_message: null, cause: 'shutdown' });
  });

  it('a task that was reassigned meanwhile goes to its target', () => {
    for (const outcome of [retry, timeout, later, released])
      expect(settled(outcome, { target_device_id: 'w2' }).task_status, outcome.kind).toBe('assigned');
    expect(settled(done, { target_device_id: 'w2' }).task_status).toBe('done');
  });

  it('a row without a count of retries has spent none, and no count leaves its column', () => {
    expect(settled(done, { retry: null }).retry).toBe(0);
    expect(settled(retry, { retry: null }).retry).toBe(1);
    expect(settled(permanent, { retry: 2_147_483_647 }).retry).toBe(2_147_483_647);
  });
});

describe('an attempt that was revoked', () => {
  const revoked = (revoke_outcome: LockedAssignment['revoke_outcome']) => ({
    ...{ revoked_at: '2026-01-01', revoke_outcome },
  });

  it.each([retry, permanent, later, timeout, released])('ends as the operator wanted, by $kind', (outcome) => {
    const error_message = 'error_message' in outcome ? outcome.error_message : null;
    const rest = { retry: 1, error_message, error_class: null, cause: 'revoked', result: null };
    const ended = (as: LockedAssignment['revoke_outcome']) => settled(outcome, {}, revoked(as));
    expect(ended('cancelled')).toEqual({ ...rest, assignment_status: 'cancelled', task_status: 'cancelled' });
    expect(ended('released')).toEqual({ ...rest, assignment_status: 'released', task_status: 'pending' });
    expect(ended(null)).toEqual({ ...rest, assignment_status: 'released', task_status: 'pending' });
    expect(settled(outcome, { target_device_id: 'w2' }, revoked('released')).task_status).toBe('assigned');
  });

  it('is complete when its result came first', () => {
    expect(settled(done, {}, revoked('cancelled'))).toMatchObject({ assignment_status: 'completed', cause: null });
  });
});

describe('whose an attempt is', () => {
  const reconciled = (of: LockedTask | undefined, record: LockedAssignment | undefined, outcome: Outcome = done) =>
    reconcile(finish(outcome), of, record, policy);
  const lost = (of: LockedTask | undefined, record: LockedAssignment | undefined) => {
    const found = reconciled(of, record);
    return found.kind === 'lost' ? found.reason : found.kind;
  };

  it('mine: the task runs, both tokens are mine, the row is open', () => {
    for (const status of ['assigned', 'running'] as const)
      expect(reconciled(task(), row({ status }))).toMatchObject({
        kind: 'accepted',
        end: { record: { assignment_id: 70 } },
      });
  });

  it.each([
    ['its attempt row was deleted', task(), undefined],
    ['its attempt row belongs to another task', task(), row({ task_id: 8 })],
    ['its attempt row belongs to another claim', task(), row({ claim_token: OTHER })],
    ['its attempt row already has status lost', task(), row({ status: 'lost' })],
    ['the task was deleted', undefined, row()],
    ['the task is pending', task({ status: 'pending' }), row()],
    ['the task belongs to another claim', task({ claim_token: OTHER }), row()],
    ['the task belongs to another claim', task({ claim_token: null }), row()],
  ])('lost: %s', (reason, of, record) => {
    expect(lost(of, record)).toBe(reason);
  });

  it.each([
    ['done', 'completed'],
    ['retry', 'failed'],
    ['permanent', 'failed'],
    ['later', 'released'],
    ['timeout', 'timeout'],
    ['released', 'released'],
  ] as const)('already: %s was written as %s by my own COMMIT, and by no other end', (kind, status) => {
    const outcome = ALL[kind];
    expect(reconciled(task({ status: 'done' }), row({ status }), outcome)).toMatchObject({ kind: 'committed' });
    const others = (['completed', 'failed', 'timeout', 'cancelled', 'released', 'lost'] as const).filter(
      (one) => one !== status,
    );
    for (const other of others) expect(reconciled(task(), row({ status: other }), outcome).kind, other).toBe('lost');
  });

  it('already: a revoked attempt, as what the operator wanted of it', () => {
    const record = row({ status: 'cancelled', revoked_at: '2026-01-01', revoke_outcome: 'cancelled' });
    expect(reconciled(task({ status: 'cancelled' }), record, retry)).toMatchObject({
      kind: 'committed',
      task_status: 'cancelled',
    });
    expect(reconciled(task(), { ...record, status: 'failed' }, retry).kind).toBe('lost');
  });

  it('already: says what became of the task, as far as this attempt goes', () => {
    const already = (of: LockedTask | undefined, outcome: Outcome, status: LockedAssignment['status']) =>
      reconciled(of, row({ status }), outcome);
    expect(already(undefined, done, 'completed')).toMatchObject({ task_status: 'gone' });
    expect(already(task({ status: 'done' }), done, 'completed')).toMatchObject({ task_status: 'done' });
    expect(already(task({ status: 'failed' }), retry, 'failed')).toMatchObject({ task_status: 'failed' });
    // A later attempt runs, so this one has left the task open.
    expect(already(task({ attempt: 3 }), retry, 'failed')).toMatchObject({ task_status: 'pending' });
    expect(already(task({ attempt: 3, status: 'done' }), done, 'completed')).toMatchObject({ task_status: 'done' });
  });
});

describe('a deferred claim', () => {
  const lightly = (of: LockedTask | undefined) =>
    reconcile(finish(done, { assignment_id: null }), of, undefined, policy);
  const facts = {
    ...{ assignment_id: null, attempt: 2, retry_at_claim: 1 },
    ...{ claimed_at: '2026-01-01 00:00:00.000', deadline_at: '2026-01-01 00:30:00.000' },
  };

  it('is mine while the task runs under its token and bears its facts, which are recorded with the end', () => {
    expect(lightly(deferred())).toMatchObject({ kind: 'accepted', end: { record: facts, task_status: 'done' } });
    expect(inlineClaim(finish(done), deferred({ retry: null }))).toEqual({ ...facts, retry_at_claim: 0 });
  });

  it('that did not succeed is written as any other end', () => {
    const ended = (outcome: Outcome) =>
      reconcile(finish(outcome, { assignment_id: null }), deferred(), undefined, policy);
    expect(accepted(ended(retry))).toMatchObject({ assignment_status: 'failed', task_status: 'pending', retry: 2 });
    expect(accepted(ended(released))).toMatchObject({ assignment_status: 'released', cause: 'shutdown', retry: 1 });
  });

  it('of a task that another program has changed is lost, with what must be recorded', () => {
    expect(lightly(deferred({ status: 'pending' }))).toMatchObject({
      ...{ kind: 'lost', reason: 'the task is pending', inline: facts },
    });
  });

  it.each([
    ['gone', undefined],
    ['without its inline claim columns', deferred({ claimed_by: null })],
    ['under another token', deferred({ claim_token: OTHER })],
    ['without a token', deferred({ claim_token: null })],
    ['without a time of the claim', deferred({ claimed_at: null })],
    ['without a deadline', deferred({ claim_deadline: null })],
  ])('is looked for in its row when the task is %s', (_, of) => {
    expect(inlineClaim(finish(done), of)).toBeUndefined();
    expect(lightly(of)).toMatchObject({ kind: 'lost', reason: 'its attempt row was deleted' });
    expect(lightly(of)).not.toHaveProperty('inline');
  });
});
