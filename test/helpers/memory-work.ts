// Work without a database, as the claimer sees it. What an end means is decided by the same pure function as everywhere (reconcile.ts).
import type { ClaimedTask } from '../../src/core/db/claim/claimed-task.ts';
import {
  type Finish,
  type LockedAssignment,
  type LockedTask,
  type Reconciled,
  reconcile,
} from '../../src/core/domain/attempt/reconcile.ts';
import type { GatewayClaim, GatewayResult } from '../../src/core/worker/port/gateway-work.ts';
import type { WorkPort } from '../../src/core/worker/port/work-port.ts';
import { claimedTask } from './claimed-task.ts';

interface MemoryAttempt extends LockedAssignment {
  result: string | null;
  error_message: string | null;
}

type Call = 'ready' | 'exchange' | 'recover';
/** `before`: nothing was carried out. `after`: everything was, and its answer is lost. */
type Moment = 'before' | 'after';

export class MemoryWork implements WorkPort<GatewayClaim, GatewayResult> {
  readonly keepAliveMs = 3_600_000;
  readonly tasks = new Map<number, LockedTask>();
  readonly attempts = new Map<number, MemoryAttempt>();
  /** What was called, in order. */
  readonly calls: string[] = [];
  readonly #faults: Array<{ call: Call; moment: Moment; error: Error }> = [];

  /** A task that waits. */
  add(task: Partial<LockedTask> = {}): void {
    const id = this.tasks.size + 1;
    this.tasks.set(id, {
      ...{ id, target_device_id: null, status: 'pending', retry: 0, max_retry_count: null, attempt: 0 },
      ...{ claim_token: null, claimed_by: null, claimed_at: null, claim_deadline: null },
      ...task,
    });
  }

  /** The attempts of a task, oldest first. */
  of(taskId: number): MemoryAttempt[] {
    return [...this.attempts.values()].filter((one) => one.task_id === taskId);
  }

  /** The next calls of that name fail, before or after they have had their effect. */
  fail(call: Call, moment: Moment, error: Error, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#faults.push({ call, moment, error });
  }

  ready(): Promise<void> {
    return this.#call('ready', () => {});
  }

  exchange(ends: Finish[], claim: GatewayClaim | undefined): Promise<GatewayResult> {
    return this.#call('exchange', () => {
      // As by the locks of a transaction: each is decided before any is written.
      const reconciled = ends.map((one) => this.#reconcile(one));
      for (const one of reconciled) this.#end(one);
      const claimed = claim === undefined ? [] : this.#claim(claim.claim_token);
      return { reconciled, claimed, permission: claim === undefined ? 'not-asked' : 'open', more: false };
    });
  }

  recover(tokens: Buffer[]): Promise<Array<ClaimedTask & { claim_token: Buffer }>> {
    const held = (row: MemoryAttempt) => row.status === 'assigned' && tokens.some((one) => one.equals(row.claim_token));
    return this.#call('recover', () =>
      [...this.attempts.values()].filter(held).map((row) => ({ ...claimed(row), claim_token: row.claim_token })),
    );
  }

  readonly materialize = async () => [];
  readonly begin = async () => [];
  readonly payload = async () => undefined;
  readonly keepAlive = async () => {};
  readonly cut = () => {};

  async #call<T>(call: Call, effect: () => T): Promise<T> {
    this.calls.push(call);
    const at = this.#faults.findIndex((one) => one.call === call);
    const [fault] = at === -1 ? [] : this.#faults.splice(at, 1);
    if (fault?.moment === 'before') throw fault.error;
    const answer = effect();
    if (fault !== undefined) throw fault.error;
    return answer;
  }

  #reconcile(finish: Finish): Reconciled {
    const policy = { maxRetryCount: 3, backoff: () => 0 };
    return reconcile(finish, this.tasks.get(finish.task_id), this.attempts.get(finish.assignment_id!), policy);
  }

  #end(one: Reconciled): void {
    if (one.kind !== 'accepted') return;
    const { finish, assignment_status: status, result, error_message, task_status, retry } = one.end;
    Object.assign(this.attempts.get(finish.assignment_id!)!, { status, result, error_message });
    Object.assign(this.tasks.get(finish.task_id)!, { status: task_status, retry, claim_token: null });
  }

  #claim(claim_token: Buffer): ClaimedTask[] {
    return [...this.tasks.values()]
      .filter(({ status }) => status === 'pending')
      .map((task) => {
        Object.assign(task, { status: 'running', attempt: task.attempt + 1, claim_token });
        const open = { status: 'assigned', revoked_at: null, revoke_outcome: null } as const;
        const told = { result: null, error_message: null };
        const row: MemoryAttempt = { id: this.attempts.size + 1, task_id: task.id, claim_token, ...open, ...told };
        this.attempts.set(row.id, row);
        return claimed(row);
      });
  }
}

const claimed = ({ id, task_id }: MemoryAttempt) => claimedTask({ id: task_id, assignment_id: id, deferred: false });
