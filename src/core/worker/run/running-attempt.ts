import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import { attemptKey } from '../../domain/attempt/attempt-key.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { laneKey } from '../../domain/lane.ts';
import type { SecretMask } from '../../domain/redaction/secret-mask.ts';
import { errorClass, errorText } from '../../domain/text/error-text.ts';
import { AbortSwitch } from '../../handlers/abort-switch.ts';
import type { AbortReason } from '../../handlers/handler.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { AttemptSecrets } from '../../secrets/attempt-secrets.ts';
import { concealedOutcome } from '../../secrets/concealed-outcome.ts';
import type { AttemptOutput } from '../log/attempt-output.ts';
import type { Reporting, RunningReport } from '../report/running-report.ts';

export interface RunningAttempt extends Reporting {
  readonly task_id: number;
  readonly task_type: string;
  readonly key: string;
  /** Null = a deferred claim without a row. */
  assignment_id: number | null;
  readonly attempt: number;
  readonly claim_token: Buffer;
  /** With its type, the lane and rank in which its task waits again if it is released. JSON text or null. */
  readonly required_capabilities: string | null;
  readonly claim_rank: number;
  /** Monotonic ms at which this node learned of its claim. */
  readonly claimedAt: number;
  /** Monotonic ms at which its row was known to be there. */
  materializedAt: number;
  /** Monotonic ms at which its handler began; of one that waits for a slot, its claim. */
  startedAt: number;
  readonly timeout_s: number;
  readonly stop: AbortSwitch;
  /** `ended`: its end was reported. `stuck`: so it was, but the handler goes on and holds its slot. */
  state: 'waiting' | 'running' | 'ended' | 'stuck';
  /** Of the pulse board, in which its claim was asked for: it begins in no other. */
  readonly generation: number;
  /** On the pulse board, once it has begun; -1 = none. */
  place: number;
  /** Written as started. */
  flushed: boolean;
  /** The server refuses its row. */
  unwritable: boolean;
  /** Ends it at its deadline, or gives it up after its abort. */
  timer: NodeJS.Timeout | undefined;
  /** Uncaught errors thrown while it ran, where another attempt may have thrown them as well. */
  stray: string | undefined;
  /** What an earlier attempt stored; null = nothing. */
  checkpoint: unknown;
  /** Made when its handler first reports something. */
  report: RunningReport | undefined;
  /** What its handler has settled with, while its last values are being written. */
  said: Outcome | undefined;
  /** The operator who revoked it, and the reason. */
  revokedBy: string | null;
  /** What it says, once it has said something. */
  output: AttemptOutput | undefined;
  /** As it was claimed, once its handler was called: what the handler does to its task does not change it. */
  claimed: ClaimedTask | undefined;
  /** What must not be shown of it; made when it first says something. */
  mask: SecretMask | undefined;
  /** What its handler was given in the place of references; undefined = it has none. */
  secrets: AttemptSecrets | undefined;
}

/** What is written of its end. `age_ms`: since its handler began; null = it never did. */
export function finishOf(one: RunningAttempt, outcome: Outcome, age_ms: number | null): Finish {
  const { task_id, task_type, attempt, assignment_id, claim_token, key } = one;
  const finish: Finish = { task_id, task_type, attempt, assignment_id, claim_token, key, outcome, age_ms };
  if (one.checkpoint !== null || one.report?.hasStored === true) finish.checkpoint = true;
  if (outcome.kind !== 'released') return finish;
  const { required_capabilities, claim_rank } = one;
  finish.lane = { lane: laneKey(task_type, required_capabilities), claim_rank, task_type, required_capabilities };
  return finish;
}

/** The end of an attempt as it is stored and printed: with the stray error that may be its cause, without secrets. */
export function shownOutcome(
  attempt: RunningAttempt,
  said: Outcome,
  masked: (attempt: RunningAttempt, text: string) => string,
): Outcome {
  if (said.kind === 'done' && attempt.secrets !== undefined) return concealedOutcome(said, attempt.secrets);
  if (!('error_message' in said)) return said;
  const { stray, secrets } = attempt;
  const text = stray === undefined ? said.error_message : errorText(`${said.error_message}; ${stray}`);
  const shown = { ...said, error_message: masked(attempt, text) };
  if (secrets !== undefined && 'error_class' in shown)
    shown.error_class = errorClass(masked(attempt, shown.error_class));
  return shown;
}

/** The end of an attempt whose handler ignores that its time is over. */
export function timedOut({ timeout_s }: RunningAttempt): Outcome {
  const error_message = `The attempt exceeded its timeout of ${timeout_s} s, and its handler ignores the abort signal.`;
  return { kind: 'timeout', error_message };
}

export function waitingAttempt(
  claimed: ClaimedTask,
  claim_token: Buffer,
  timeout_s: number,
  { generation, claimedAt }: Pick<RunningAttempt, 'generation' | 'claimedAt'>,
  onAbort: (attempt: RunningAttempt, reason: AbortReason) => void,
): RunningAttempt {
  const attempt: RunningAttempt = {
    task_id: claimed.id,
    task_type: claimed.task_type,
    key: attemptKey({ task_id: claimed.id, claim_token }),
    assignment_id: claimed.assignment_id,
    attempt: claimed.attempt + 1,
    claim_token,
    required_capabilities: claimed.required_capabilities,
    claim_rank: claimed.claim_rank,
    claimedAt,
    materializedAt: claimed.assignment_id === null ? Number.POSITIVE_INFINITY : monotonic(),
    startedAt: claimedAt,
    timeout_s,
    stop: new AbortSwitch((reason) => onAbort(attempt, reason)),
    state: 'waiting',
    generation,
    place: -1,
    flushed: false,
    unwritable: false,
    timer: undefined,
    stray: undefined,
    checkpoint: null,
    report: undefined,
    said: undefined,
    revokedBy: null,
    output: undefined,
    claimed: undefined,
    mask: undefined,
    secrets: undefined,
  };
  return attempt;
}

/** Its claim is still its own: it waits for a slot, or runs. */
export function isOpen(one: RunningAttempt): boolean {
  return one.state === 'running' || one.state === 'waiting';
}
