// Work without a database: the third implementation of the work port. Tasks are in a map, and what an end means is decided by the
// same pure function as everywhere (reconcile.ts), so the contract of a port (work-port.ts) holds here too, in microseconds.
import type { Start } from '../../src/core/db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../src/core/db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../src/core/db/claim/claimed-task.ts';
import { INLINE_BYTES } from '../../src/core/db/claim/claimed-task.ts';
import type { ClaimPermission } from '../../src/core/db/claim/finish-and-claim.ts';
import {
  type Finish,
  type LockedAssignment,
  type LockedTask,
  type Reconciled,
  reconcile,
} from '../../src/core/domain/attempt/reconcile.ts';
import type { NewTask } from '../../src/core/domain/task/task.ts';
import type { GatewayClaim, GatewayResult } from '../../src/core/worker/port/gateway-work.ts';
import type { HeldClaim, WorkPort } from '../../src/core/worker/port/work-port.ts';

export interface MemoryTask extends LockedTask {
  task_type: string;
  task_data: string | null;
  execution_timeout: number | null;
  /** Seconds from now until it is due; positive = it is not claimed. */
  due_in_s: number;
}

export interface MemoryAttempt extends LockedAssignment {
  attempt: number;
  result: string | null;
  error_message: string | null;
  cause: string | null;
}

type Call = 'ready' | 'exchange' | 'recover' | 'materialize' | 'begin' | 'payload';
/** `before`: nothing was carried out. `after`: everything was, and its answer is lost. */
type Moment = 'before' | 'after';

const NOW = '2026-01-01 00:00:00.000';

export class MemoryWork implements WorkPort<GatewayClaim, GatewayResult> {
  readonly keepAliveMs = 3_600_000;
  readonly tasks = new Map<number, MemoryTask>();
  readonly attempts = new Map<number, MemoryAttempt>();
  /** What was called, in order. */
  readonly calls: string[] = [];
  permission: ClaimPermission = 'open';
  policy = { maxRetryCount: 3, backoff: (_retry: number) => 0 };
  readonly #faults: Array<{ call: Call; moment: Moment; error: Error }> = [];
  readonly #listeners: Array<() => void> = [];

  /** A task that waits. Returns its id. */
  add(task: Partial<MemoryTask> = {}): number {
    const id = this.tasks.size + 1;
    this.tasks.set(id, {
      ...{ id, task_type: 't', task_data: null, execution_timeout: null, due_in_s: 0, target_device_id: null },
      ...{ status: 'pending', retry: 0, max_retry_count: null, attempt: 0, claim_token: null },
      ...{ claimed_by: null, claimed_at: null, claim_deadline: null },
      ...task,
    });
    this.#changed();
    return id;
  }

  /** The attempts of a task, oldest first. */
  of(taskId: number): MemoryAttempt[] {
    return [...this.attempts.values()].filter((one) => one.task_id === taskId);
  }

  /** The next calls of that name fail, before or after they have had their effect. */
  fail(call: Call, moment: Moment, error: Error, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#faults.push({ call, moment, error });
  }

  /** Called after each change of a task. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  ready(): Promise<void> {
    return this.#call('ready', () => {});
  }

  exchange(ends: Finish[], claim: GatewayClaim | undefined): Promise<GatewayResult> {
    return this.#call('exchange', () => {
      // As by the locks of a transaction: each is decided before any is written.
      const reconciled = ends.map((one) => this.#reconcile(one));
      for (const one of reconciled) this.#end(one);
      const open = claim !== undefined && this.permission === 'open';
      const claimed = open ? this.#claim(claim) : [];
      const permission = claim === undefined ? 'not-asked' : this.permission;
      return { reconciled, claimed, permission, more: open && this.#due(claim).length > 0 };
    });
  }

  recover(tokens: Buffer[]): Promise<Array<ClaimedTask & { claim_token: Buffer }>> {
    return this.#call('recover', () =>
      [...this.tasks.values()].flatMap((task) => {
        const token = tokens.find((one) => task.status === 'running' && task.claim_token?.equals(one));
        if (token === undefined) return [];
        const row = this.of(task.id).find((one) => one.claim_token.equals(token));
        if (task.claimed_by === null && row?.status !== 'assigned') return [];
        return [{ ...this.#claimed(task, task.attempt - 1, row?.id ?? null), claim_token: token }];
      }),
    );
  }

  materialize(claims: HeldClaim[]): Promise<MaterializedAttempt[]> {
    return this.#call('materialize', () =>
      claims.flatMap((claim) => {
        const task = this.#held(claim);
        if (task === undefined) return [];
        if (task.claimed_by !== null) this.#record(task);
        const row = this.of(task.id).find((one) => one.claim_token.equals(claim.claim_token) && isOpen(one));
        return row === undefined ? [] : [{ assignment_id: row.id, task_id: task.id }];
      }),
    );
  }

  begin(starts: Start[]): Promise<number[]> {
    return this.#call('begin', () =>
      starts.flatMap(({ assignment_id, claim_token }) => {
        const row = this.attempts.get(assignment_id);
        if (row === undefined || !row.claim_token.equals(claim_token) || !isOpen(row)) return [assignment_id];
        row.status = 'running';
        return [];
      }),
    );
  }

  payload(claim: HeldClaim): Promise<string | null | undefined> {
    return this.#call('payload', () => this.#held(claim)?.task_data);
  }

  async keepAlive(): Promise<void> {}

  cut(): void {
    this.calls.push('cut');
  }

  async #call<T>(call: Call, effect: () => T): Promise<T> {
    this.calls.push(call);
    const at = this.#faults.findIndex((one) => one.call === call);
    const [fault] = at === -1 ? [] : this.#faults.splice(at, 1);
    if (fault?.moment === 'before') throw fault.error;
    const answer = effect();
    this.#changed();
    if (fault !== undefined) throw fault.error;
    return answer;
  }

  #reconcile(finish: Finish): Reconciled {
    const row = finish.assignment_id === null ? undefined : this.attempts.get(finish.assignment_id);
    const found = row ?? this.of(finish.task_id).find((one) => one.claim_token.equals(finish.claim_token));
    return reconcile(finish, this.tasks.get(finish.task_id), found, this.policy);
  }

  #end(one: Reconciled): void {
    if (one.kind !== 'accepted') return;
    const { end } = one;
    const task = this.tasks.get(end.finish.task_id)!;
    const row = end.record.assignment_id === null ? this.#record(task) : this.attempts.get(end.record.assignment_id)!;
    const { result, error_message, cause } = end;
    Object.assign(row, { status: end.assignment_status, result, error_message, cause });
    Object.assign(task, { status: end.task_status, retry: end.retry, claim_token: null, due_in_s: end.due_in_s ?? 0 });
    const { outcome } = end.finish;
    if (outcome.kind === 'done') for (const added of outcome.enqueue) this.#enqueue(added);
  }

  #enqueue({ task_type, task_data = null, execution_timeout = null, max_retry_count = null }: NewTask): void {
    this.add({ task_type, task_data: task_data && JSON.stringify(task_data), execution_timeout, max_retry_count });
  }

  #due({ types }: GatewayClaim): MemoryTask[] {
    return [...this.tasks.values()].filter(
      (one) => one.status === 'pending' && one.due_in_s <= 0 && one.task_type in types,
    );
  }

  #claim(claim: GatewayClaim): ClaimedTask[] {
    const left = new Map(Object.entries(claim.types).map(([type, { now, later }]) => [type, now + later]));
    const taken: ClaimedTask[] = [];
    for (const task of this.#due(claim)) {
      const room = left.get(task.task_type)!;
      if (room === 0 || taken.length === claim.limit) continue;
      left.set(task.task_type, room - 1);
      const before = task.attempt;
      Object.assign(task, { status: 'running', attempt: before + 1, claim_token: claim.claim_token });
      Object.assign(task, { claimed_by: 'w1', claimed_at: NOW, claim_deadline: NOW });
      const deferred = claim.types[task.task_type]!.defer;
      taken.push(this.#claimed(task, before, deferred ? null : this.#record(task).id));
    }
    return taken;
  }

  #claimed(task: MemoryTask, attempt: number, assignment_id: number | null): ClaimedTask {
    const { id, task_type, task_data, retry, execution_timeout } = task;
    const payload_bytes = task_data === null ? 0 : Buffer.byteLength(task_data);
    return {
      ...{ id, attempt, task_type, retry, execution_timeout, payload_bytes, assignment_id },
      task_data: payload_bytes > INLINE_BYTES ? null : task_data,
      ...{ username: null, app_id: null, start_date: null, end_date: null, priority: null },
      ...{ required_capabilities: null, claim_rank: 0, due_at: NOW, claimed_by: null },
      ...{ lease_s: (execution_timeout ?? 300) + 60, deferred: assignment_id === null },
    };
  }

  /** The claim that stands on the task gets its row. */
  #record(task: MemoryTask): MemoryAttempt {
    const id = this.attempts.size + 1;
    const open = { status: 'assigned', revoked_at: null, revoke_outcome: null } as const;
    const told = { attempt: task.attempt, result: null, error_message: null, cause: null };
    const row: MemoryAttempt = { id, task_id: task.id, claim_token: task.claim_token!, ...open, ...told };
    this.attempts.set(id, row);
    Object.assign(task, { claimed_by: null, claimed_at: null, claim_deadline: null });
    return row;
  }

  #held({ task_id, claim_token }: HeldClaim): MemoryTask | undefined {
    const task = this.tasks.get(task_id);
    return task?.status === 'running' && task.claim_token?.equals(claim_token) === true ? task : undefined;
  }

  #changed(): void {
    for (const one of this.#listeners) one();
  }
}

function isOpen({ status }: MemoryAttempt): boolean {
  return status === 'assigned' || status === 'running';
}
