// Results of a plain client (design document, 5.1.3). It names the task and itself: the attempt that is meant is the device's open one,
// else its last, and what a result means for that is decided as for any worker.

import type { WireReconciled } from '../../../http/device-contract.ts';
import type { GivenResult, ResultAnswer } from '../../../http/results.ts';
import type { Context } from '../../context/context.ts';
import { attemptsOfDevices, type DeviceAttempt, taskNow } from '../../db/gateway/attempts-of-device.ts';
import type { Session } from '../../db/session.ts';
import type { TableNames } from '../../db/table-names.ts';
import { resultOutcome } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Finish, Reconciled } from '../../domain/attempt/reconcile.ts';
import { AfdError } from '../../domain/errors.ts';
import { checkNewTasks } from '../../domain/task/new-task.ts';
import { errorText } from '../../domain/text/error-text.ts';
import { wallMilliseconds } from '../../runtime/clock.ts';
import type { RequestContexts } from '../requests/request-contexts.ts';
import { ringForEnds } from '../requests/ring-for-ends.ts';
import { Together } from '../requests/together.ts';
import type { DeviceClaims } from './device-claims.ts';
import type { DeviceRegistry } from './device-registry.ts';
import { type GatewayDevice, keyOf } from './gateway-device.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { PlainStarts } from './plain-starts.ts';
import { bytes, reconciledOf } from './wire/wire.ts';

const NO_MESSAGE = 'The device reported a failure without a message.';

/** Results of this many calls go into one transaction. */
const MOST_CALLS = 64;
/** Longer results, in characters, and those with follow-up tasks are written alone: others need not wait for them. */
const SHORT = 16_384;

/** The part of RemoteDevices that takes results. */
export interface Reporting {
  readonly context: Pick<Context, 'names'>;
  readonly requests: RequestContexts;
  readonly registry: DeviceRegistry;
  readonly keeper: LeaseKeeper;
  readonly claims: DeviceClaims;
  readonly starts: PlainStarts;
  readonly resultWrites: ResultWrites;
}

/** Results of one call, and what they mean. */
interface Call {
  device: GatewayDevice;
  given: GivenResult[];
  outcomes: Outcome[];
}

/**
 * One answer for each, in order; all that is accepted is written in one transaction. A result that was accepted before is
 * `committed`. @throws AfdError as DeviceRegistry.plain, E_USAGE; DatabaseError
 */
export async function takeResults(devices: Reporting, deviceId: string, given: GivenResult[]): Promise<ResultAnswer[]> {
  assertOnce(given);
  const outcomes = given.map(outcomeOf);
  const device = await devices.registry.plain(deviceId);
  devices.keeper.touch(device);
  return devices.resultWrites.write({ device, given, outcomes });
}

/** Results of devices that report at about the same time. */
export class ResultWrites {
  readonly #devices: Reporting;
  readonly #together: Together<Call, ResultAnswer[]>;

  constructor(devices: Reporting) {
    this.#devices = devices;
    this.#together = new Together({
      together: (calls) => this.#write(calls, (session, finishes) => devices.claims.finishTogether(session, finishes)),
      alone: (call) => this.#alone(call),
      // One task has one end in a transaction.
      keys: ({ given }) => given.map((one) => one.task_id),
      most: MOST_CALLS,
    });
  }

  /** @throws DatabaseError */
  write(call: Call): Promise<ResultAnswer[]> {
    return isShort(call) ? this.#together.add(call) : this.#alone(call);
  }

  async #alone(call: Call): Promise<ResultAnswer[]> {
    const { claims } = this.#devices;
    const [answers] = await this.#write([call], (session, finishes) => claims.finish(session, call.device, finishes));
    return answers!;
  }

  /** Undefined = nothing was written. */
  async #write(
    calls: Call[],
    finish: (session: Session, finishes: Finish[]) => Promise<Reconciled[] | undefined>,
  ): Promise<Array<ResultAnswer[] | undefined>> {
    const { requests, context: own, starts } = this.#devices;
    return requests.use(async (context) => {
      const session = await context.session();
      const ids = calls.flatMap((one) => one.given.map(({ task_id }) => task_id));
      const deviceIds = [...new Set(calls.map((one) => one.device.id))];
      const attempts = await attemptsOfDevices(session, own.names, deviceIds, ids);
      const meant = calls.map(({ device, given, outcomes }) =>
        given.map((one, n) => {
          const attempt = attemptOf(one, device, attempts);
          return attempt === undefined ? undefined : finishOf(attempt, outcomes[n]!);
        }),
      );
      const finishes = meant.flat().filter((one) => one !== undefined);
      const reconciled = finishes.length === 0 ? [] : await finish(session, finishes);
      if (reconciled === undefined) return calls.map(() => undefined);
      void ringForEnds(requests, reconciled);
      for (const one of finishes) if (one.assignment_id !== null) starts.ended(one.assignment_id);
      const answers = new Map(reconciledOf(finishes, reconciled).map((one, n) => [finishes[n]!, one]));
      const results: ResultAnswer[][] = [];
      for (const [at, { device, given }] of calls.entries()) {
        const all: ResultAnswer[] = [];
        for (const [n, one] of given.entries()) {
          const answer = answers.get(meant[at]![n]!);
          if (answer === undefined) all.push(await refused(session, own.names, device.id, one));
          else all.push(answerOf(one.task_id, answer));
        }
        results.push(all);
      }
      return results;
    });
  }
}

function isShort({ given, outcomes }: Call): boolean {
  const plain = outcomes.every((one) => one.kind !== 'done' || one.enqueue.length === 0);
  return plain && given.length <= MOST_CALLS && JSON.stringify(given).length <= SHORT;
}

function answerOf(task_id: number, { kind, task_status, reason }: WireReconciled): ResultAnswer {
  if (kind === 'lost') return { task_id, status: 'refused', reason: `its attempt is over: ${reason}` };
  return { task_id, status: kind, task_status: task_status ?? 'gone' };
}

function assertOnce(given: GivenResult[]): void {
  const ids = new Set(given.map((one) => one.task_id));
  if (ids.size < given.length) throw new AfdError('E_USAGE', 'A task has two results in one call.');
}

/** @throws AfdError E_USAGE for follow-up tasks that are not valid */
function outcomeOf(given: GivenResult): Outcome {
  const { status, result = null, error_message, error_class, enqueue, after, until } = given;
  if (enqueue !== undefined) checkNewTasks(enqueue);
  if (status === 'released') return { kind: 'released', cause: 'shutdown' };
  const message = error_message ?? NO_MESSAGE;
  if (status === 'timeout') return { kind: 'timeout', error_message: errorText(message) };
  const said = { status, error_message: message, error_class, after, until };
  return resultOutcome(status === 'completed' ? { status, result, enqueue } : said, { now: wallMilliseconds() });
}

function attemptOf(given: GivenResult, { key }: GatewayDevice, attempts: DeviceAttempt[]): DeviceAttempt | undefined {
  const token = given.claim_token === undefined ? undefined : bytes(given.claim_token);
  const own = attempts.filter(
    (one) =>
      one.task_id === given.task_id &&
      keyOf(one.device_id) === key &&
      (given.attempt === undefined || one.attempt === given.attempt) &&
      (token === undefined || one.claim_token.equals(token)),
  );
  return own.find((one) => one.status === 'assigned' || one.status === 'running') ?? own[0];
}

function finishOf(one: DeviceAttempt, outcome: Outcome): Finish {
  const { task_id, attempt, assignment_id, claim_token, age_ms } = one;
  const began = Math.max(0, Number(age_ms));
  return { task_id, task_type: one.task_type ?? '', attempt, assignment_id, claim_token, outcome, age_ms: began };
}

async function refused(
  session: Session,
  names: TableNames,
  deviceId: string,
  { task_id, attempt, claim_token }: GivenResult,
): Promise<ResultAnswer> {
  const now = await taskNow(session, names, task_id);
  const which = attempt === undefined && claim_token === undefined ? 'an attempt' : 'this attempt';
  const state =
    now === undefined
      ? 'there is no such task'
      : `the task is ${now.status}, its last attempt is number ${now.attempt}`;
  return { task_id, status: 'refused', reason: `${deviceId} never held ${which} of it; ${state}` };
}
