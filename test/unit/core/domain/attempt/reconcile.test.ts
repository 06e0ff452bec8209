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
const MOST = 2_147_483_647;
const ELSEWHERE = { target_device_id: 'w2' };
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
const quota = { error_message: 'quota', cause: 'later' };
const ALL = { done, retry, permanent, later, timeout, released };

const accepted = (reconciled: Reconciled) => {
  if (reconciled.kind !== 'accepted') throw new Error(`it is ${reconciled.kind}`);
  const { finish: _, record: __, ...rest } = reconciled.end;
  return rest;
};
const settled = (outcome: Outcome, of: Partial<LockedTask> = {}, record: Partial<LockedAssignment> = {}) =>
  accepted(reconcile(finish(outcome), task(of), row(record), policy));
const end = (assignment_status: string, task_status: string, retry: number, more: object = {}) => ({
  ...{ assignment_status, task_status, retry, error_message: null, error_class: null, cause: null, result: null },
  ...more,
});
const boom = { error_message: 'boom', error_class: 'E' };
const never = { error_message: 'never', error_class: 'P' };
const slow = { error_message: 'too long', error_class: 'timeout' };

describe('what an end writes', () => {
  it.each<[string, Outcome, object, Partial<LockedTask>?]>([
    ['done: the result, and nothing is spent', done, end('completed', 'done', 1, { result: '{"rows":1}' })],
    ['done without a result', { ...done, result: undefined }, end('completed', 'done', 1, { result: 'null' })],
    ['done with a 0', { ...done, result: 0 }, end('completed', 'done', 1, { result: '0' })],
    ['one that says when: also now', { ...retry, after: 0 }, end('failed', 'pending', 2, { ...boom, due_in_s: 0 })],
    ['a timeout, under its own name', timeout, end('timeout', 'pending', 2, { ...slow, due_in_s: 20 })],
    ['permanent: failed for good, whatever the budget', permanent, end('failed', 'failed', 2, never)],
    ['permanent: no count leaves its column', permanent, end('failed', 'failed', MOST, never), { retry: MOST }],
    ['later: when it says', later, end('released', 'pending', 1, { ...quota, due_in_s: 60 })],
    ['released: nothing is spent', released, end('released', 'pending', 1, { cause: 'shutdown' })],
    ['no count of retries: none spent', done, end('completed', 'done', 0, { result: '{"rows":1}' }), { retry: null }],
    ['no count of retries: the first', retry, end('failed', 'pending', 1, { ...boom, due_in_s: 10 }), { retry: null }],
  ])('%s', (_, outcome, written, of = {}) => {
    expect(settled(outcome, of)).toEqual(written);
  });

  it('a failed attempt: one more is spent, and the task waits its backoff', () => {
    expect(settled(retry)).toEqual(end('failed', 'pending', 2, { ...boom, due_in_s: 20 }));
  });

  it('the last of the budget: N retries are N + 1 attempts, by the task before the fleet', () => {
    expect(settled(retry, { retry: 2 })).toMatchObject({ task_status: 'pending', retry: 3 });
    expect(settled(retry, { retry: 3 })).toEqual(end('failed', 'failed', 4, boom));
    expect(settled(retry, { retry: 0, max_retry_count: 0 })).toEqual(end('failed', 'failed', 1, boom));
    expect(settled(retry, { retry: 3, max_retry_count: 4 })).toMatchObject({ task_status: 'pending', retry: 4 });
    expect(settled(timeout, { retry: 3 })).toEqual(end('timeout', 'failed', 4, slow));
  });

  it('a task that was reassigned meanwhile goes to its target', () => {
    for (const outcome of [retry, later, released])
      expect(settled(outcome, ELSEWHERE).task_status, outcome.kind).toBe('assigned');
    expect(settled(done, ELSEWHERE).task_status).toBe('done');
  });
});

describe('an attempt that was revoked', () => {
  const revoked = (as: LockedAssignment['revoke_outcome']) => ({ revoked_at: '2026-01-01', revoke_outcome: as });

  it.each([retry, permanent, later, timeout, released])('ends as the operator wanted, by $kind', (outcome) => {
    const why = { error_message: 'error_message' in outcome ? outcome.error_message : null, cause: 'revoked' };
    expect(settled(outcome, {}, revoked('cancelled'))).toEqual(end('cancelled', 'cancelled', 1, why));
    expect(settled(outcome, {}, revoked(null))).toEqual(end('released', 'pending', 1, why));
    const next = settled(outcome, ELSEWHERE, revoked('released'));
    expect(next).toEqual(end('released', 'assigned', 1, why));
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
    const mine = { kind: 'accepted', end: { record: { assignment_id: 70 } } };
    for (const status of ['assigned', 'running'] as const)
      expect(reconciled(task(), row({ status }))).toMatchObject(mine);
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
    for (const ended of ['completed', 'failed', 'timeout', 'cancelled', 'released', 'lost'] as const) {
      const { kind: found } = reconciled(task({ status: 'done' }), row({ status: ended }), ALL[kind]);
      expect(found, ended).toBe(ended === status ? 'committed' : 'lost');
    }
  });

  it('already: a revoked attempt, as what the operator wanted of it', () => {
    const record = row({ status: 'cancelled', revoked_at: '2026-01-01', revoke_outcome: 'cancelled' });
    const already = { kind: 'committed', task_status: 'cancelled' };
    expect(reconciled(task({ status: 'cancelled' }), record, retry)).toMatchObject(already);
    expect(reconciled(task(), { ...record, status: 'failed' }, retry).kind).toBe('lost');
  });

  it.each<[string, LockedTask | undefined, 'done' | 'retry']>([
    ['gone', undefined, 'done'],
    ['done', task({ status: 'done' }), 'done'],
    ['failed', task({ status: 'failed' }), 'retry'],
    // A later attempt runs, so this one has left the task open.
    ['pending', task({ attempt: 3 }), 'retry'],
    ['done', task({ attempt: 3, status: 'done' }), 'done'],
  ])('already: says that the task is %s, as far as this attempt goes', (task_status, of, kind) => {
    const record = row({ status: kind === 'done' ? 'completed' : 'failed' });
    expect(reconciled(of, record, ALL[kind])).toMatchObject({ kind: 'committed', task_status });
  });
});

describe('a deferred claim', () => {
  const lightly = (of: LockedTask | undefined, outcome: Outcome = done) =>
    reconcile(finish(outcome, { assignment_id: null }), of, undefined, policy);
  const facts = {
    ...{ assignment_id: null, attempt: 2, retry_at_claim: 1 },
    ...{ claimed_at: '2026-01-01 00:00:00.000', deadline_at: '2026-01-01 00:30:00.000' },
  };

  it('is mine while the task runs under its token and bears its facts, which are recorded with any end', () => {
    expect(lightly(deferred())).toMatchObject({ kind: 'accepted', end: { record: facts, task_status: 'done' } });
    expect(inlineClaim(finish(done), deferred({ retry: null }))).toEqual({ ...facts, retry_at_claim: 0 });
    const ended = { assignment_status: 'failed', task_status: 'pending', retry: 2 };
    expect(accepted(lightly(deferred(), retry))).toMatchObject(ended);
  });

  it('of a task that another program has changed is lost, with what must be recorded', () => {
    const lost = { kind: 'lost', reason: 'the task is pending', inline: facts };
    expect(lightly(deferred({ status: 'pending' }))).toMatchObject(lost);
  });

  it.each([
    ['gone', undefined],
    ['without its inline claim columns', deferred({ claimed_by: null })],
    ['under another token', deferred({ claim_token: OTHER })],
    ['without a token', deferred({ claim_token: null })],
    ['without a time of the claim', deferred({ claimed_at: null })],
    ['without a deadline', deferred({ claim_deadline: null })],
  ])('is looked for in its row when the task is %s', (_, of) => {
    expect(lightly(of)).toMatchObject({ kind: 'lost', reason: 'its attempt row was deleted' });
    expect(lightly(of)).not.toHaveProperty('inline');
  });
});
