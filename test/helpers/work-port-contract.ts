// What every implementation of the work port promises to the claimer. MemoryWork, DatabaseWork and GatewayWork pass it, so that what
// is tested over one of them holds over the others.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ClaimedTask } from '../../src/core/db/claim/claimed-task.ts';
import { INLINE_BYTES } from '../../src/core/db/claim/claimed-task.ts';
import type { Outcome } from '../../src/core/domain/attempt/outcome.ts';
import type { Finish } from '../../src/core/domain/attempt/reconcile.ts';
import type { ExchangeResult, PlannedClaim, WorkPort } from '../../src/core/worker/port/work-port.ts';
import { until } from './wait.ts';

export interface WorkPortSubject<C extends PlannedClaim, R extends ExchangeResult> {
  work: WorkPort<C, R>;
  /** A task of type `t` that is due. Two tries follow the first, at once. Returns its id. */
  add(task?: { task_data?: string }): Promise<number>;
  /** A claim of tasks of type `t`. `defer`: their attempts get their rows later. */
  claim(limit: number, as: 'record' | 'defer'): C;
  task(id: number): Promise<{ status: string; attempt: number; retry: number }>;
  /** What became of the attempts of a task, oldest first. */
  attempts(id: number): Promise<Array<{ status: string; result: string | null }>>;
  /** Another program sets the task back, as if nobody had claimed it. */
  reset(id: number): Promise<void>;
  /** An operator cancels the task. */
  cancel(id: number): Promise<void>;
}

type Claimed = ClaimedTask & { claim_token: Buffer };

const DONE: Extract<Outcome, { kind: 'done' }> = { kind: 'done', result: { n: 1 }, enqueue: [] };
const FAILED: Outcome = { kind: 'retry', error_message: 'no luck', error_class: 'Error' };
const RELEASED: Outcome = { kind: 'released', cause: 'shutdown' };

const endOf = (one: Claimed, outcome: Outcome = DONE): Finish => ({
  ...{ task_id: one.id, task_type: one.task_type, attempt: one.attempt + 1, assignment_id: one.assignment_id },
  ...{ claim_token: one.claim_token, outcome, age_ms: 5 },
});

export function workPortContract<C extends PlannedClaim, R extends ExchangeResult>(
  name: string,
  open: () => Promise<WorkPortSubject<C, R>>,
  ways: ReadonlyArray<'record' | 'defer'> = ['record', 'defer'],
): void {
  describe.each(ways)(`${name}, whose claims are taken as "%s"`, (as) => {
    const claimOnce = async ({ work, ...subject }: WorkPortSubject<C, R>, limit = 10): Promise<Claimed[]> => {
      const asked = subject.claim(limit, as);
      const { claimed } = await work.exchange([], asked);
      return claimed.map((one) => ({ ...one, claim_token: asked.claim_token }));
    };
    /** What a gateway knows of due tasks may be a moment old. */
    const claim = (subject: WorkPortSubject<C, R>, limit = 10) =>
      until(async () => {
        const found = await claimOnce(subject, limit);
        return found.length > 0 && found;
      });
    const one = async (task: { task_data?: string } = {}) => {
      const subject = await open();
      await subject.add(task);
      const [claimed] = await claim(subject);
      return { ...subject, subject, claimed: claimed! };
    };
    const end = async ({ work }: WorkPortSubject<C, R>, ...ends: Finish[]) =>
      (await work.exchange(ends, undefined)).reconciled.map((found) => found.kind);

    it('claims what is due, as often as it was asked and no more', async () => {
      const subject = await open();
      const ids = [await subject.add({ task_data: '{"n":1}' }), await subject.add(), await subject.add()];
      const first = await claim(subject, 2);
      expect(first.map((task) => task.id)).toEqual(ids.slice(0, 2));
      expect(first[0]).toMatchObject({ task_type: 't', attempt: 0, task_data: '{"n":1}', deferred: as === 'defer' });
      expect(first.every((task) => (task.assignment_id === null) === (as === 'defer'))).toBe(true);
      expect((await claim(subject)).map((task) => task.id)).toEqual(ids.slice(2));
      expect(await claimOnce(subject)).toEqual([]);
      expect(await subject.task(ids[0]!)).toEqual({ status: 'running', attempt: 1, retry: 0 });
    });

    it('claims nothing without being asked', async () => {
      const subject = await open();
      const id = await subject.add();
      expect(await subject.work.exchange([], undefined)).toMatchObject({ claimed: [], permission: 'not-asked' });
      expect(await subject.task(id)).toMatchObject({ status: 'pending' });
    });

    it('accepts an end once, and knows it again when it is sent again', async () => {
      const { subject, claimed } = await one();
      expect(await end(subject, endOf(claimed))).toEqual(['accepted']);
      expect(await end(subject, endOf(claimed))).toEqual(['committed']);
      expect(await subject.task(claimed.id)).toEqual({ status: 'done', attempt: 1, retry: 0 });
      expect(await subject.attempts(claimed.id)).toEqual([{ status: 'completed', result: '{"n":1}' }]);
    });

    it('takes ends and a claim in one exchange', async () => {
      const { subject, claimed } = await one();
      const next = await subject.add();
      const asked = subject.claim(10, as);
      const answer = await subject.work.exchange([endOf(claimed)], asked);
      expect(answer.reconciled.map((found) => found.kind)).toEqual(['accepted']);
      const after = answer.claimed.length > 0 ? answer.claimed : await claim(subject);
      expect(after.map((task) => task.id)).toEqual([next]);
    });

    it('refuses an end whose task runs under another claim, and leaves that alone', async () => {
      const { subject, claimed } = await one();
      await subject.reset(claimed.id);
      const [again] = await claim(subject);
      expect(again).toMatchObject({ id: claimed.id, attempt: 1 });
      expect(await end(subject, endOf(claimed))).toEqual(['lost']);
      expect(await subject.task(claimed.id)).toMatchObject({ status: 'running', attempt: 2 });
      expect(await end(subject, endOf(again!))).toEqual(['accepted']);
    });

    it('spends a retry for a failure, and sets the task to failed when none is left', async () => {
      const { subject, claimed } = await one();
      let last = claimed;
      for (const retry of [1, 2]) {
        expect(await end(subject, endOf(last, FAILED))).toEqual(['accepted']);
        expect(await subject.task(claimed.id)).toMatchObject({ status: 'pending', retry });
        [last] = (await claim(subject)) as [Claimed];
      }
      await end(subject, endOf(last, FAILED));
      expect(await subject.task(claimed.id)).toEqual({ status: 'failed', attempt: 3, retry: 3 });
    });

    it('returns a task that is released, without spending anything', async () => {
      const { subject, claimed } = await one();
      await end(subject, endOf(claimed, RELEASED));
      expect(await subject.task(claimed.id)).toEqual({ status: 'pending', attempt: 1, retry: 0 });
    });

    it('adds the tasks of a result together with it, once', async () => {
      const { subject, claimed } = await one();
      const finish = endOf(claimed, { ...DONE, enqueue: [{ task_type: 't', task_data: { n: 7 } }] });
      await end(subject, finish);
      await end(subject, finish);
      const added = await claim(subject);
      expect(added.map((task) => task.task_data)).toEqual(['{"n":7}']);
    });

    it('finds by its token what a claim holds whose answer was lost, as long as it has not begun', async () => {
      const { subject, claimed } = await one();
      const { work } = subject;
      const other = randomBytes(16);
      expect(await work.recover([other])).toEqual([]);
      const found = await work.recover([other, claimed.claim_token]);
      expect(found).toMatchObject([{ id: claimed.id, attempt: 0, assignment_id: claimed.assignment_id }]);
      expect(found[0]?.claim_token).toEqual(claimed.claim_token);
      await end(subject, endOf(claimed));
      expect(await work.recover([claimed.claim_token])).toEqual([]);
    });

    it('gives an attempt its row, and says of which it has none because it is no longer ours', async () => {
      const subject = await open();
      const ids = [await subject.add(), await subject.add()];
      const [kept, taken] = (await claim(subject)) as [Claimed, Claimed];
      await subject.reset(taken.id);
      const asked = [kept, taken].map(({ id, claim_token }) => ({ task_id: id, claim_token }));
      const rows = await subject.work.materialize(asked);
      expect(rows.map((row) => row.task_id)).toEqual([ids[0]]);
      expect(await end(subject, { ...endOf(kept), assignment_id: rows[0]!.assignment_id })).toEqual(['accepted']);
    });

    it('writes that an attempt has begun, and says which are no longer ours', async () => {
      const { subject, claimed } = await one();
      const [row] = await subject.work.materialize([{ task_id: claimed.id, claim_token: claimed.claim_token }]);
      const start = { assignment_id: row!.assignment_id, claim_token: claimed.claim_token, age_ms: 5, lease_s: 60 };
      const strange = { ...start, claim_token: randomBytes(16) };
      expect(await subject.work.begin([start])).toEqual([]);
      expect(await subject.work.begin([strange])).toEqual([start.assignment_id]);
      expect((await subject.attempts(claimed.id)).map(({ status }) => status)).toEqual(['running']);
      expect(await subject.work.recover([claimed.claim_token])).toEqual([]);
    });

    it('gives a payload to who holds the task, and to no other', async () => {
      const long = JSON.stringify({ text: 'x'.repeat(INLINE_BYTES) });
      const { subject, claimed } = await one({ task_data: long });
      expect(claimed).toMatchObject({ task_data: null, payload_bytes: long.length });
      const held = { task_id: claimed.id, claim_token: claimed.claim_token };
      expect(await subject.work.payload(held)).toBe(long);
      expect(await subject.work.payload({ ...held, claim_token: randomBytes(16) })).toBeUndefined();
    });

    it('lets a cancel have its way with every end but a result', async () => {
      const subject = await open();
      const ids = [await subject.add(), await subject.add()];
      const [stopped, finished] = (await claim(subject)) as [Claimed, Claimed];
      const rows = await subject.work.materialize(
        [stopped, finished].map(({ id, claim_token }) => ({ task_id: id, claim_token })),
      );
      const rowOf = ({ id }: Claimed) => rows.find((row) => row.task_id === id)!.assignment_id;
      for (const id of ids) await subject.cancel(id);
      const ends = [endOf(stopped, RELEASED), endOf(finished)];
      const known = ends.map((finish, n) => ({ ...finish, assignment_id: rowOf([stopped, finished][n]!) }));
      expect(await end(subject, ...known)).toEqual(['accepted', 'accepted']);
      expect((await subject.task(stopped.id)).status).toBe('cancelled');
      expect((await subject.task(finished.id)).status).toBe('done');
    });
  });
}
