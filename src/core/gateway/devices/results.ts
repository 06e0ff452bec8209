// Results of a plain client (design document, 5.1.3). It names the task and itself: the attempt that is meant is the device's open one,
// else its last, and what a result means for that is decided as for any worker.

import type { GivenResult, ResultAnswer } from '../../../http/results.ts';
import { attemptsOfDevice, type DeviceAttempt, taskNow } from '../../db/gateway/attempts-of-device.ts';
import type { Session } from '../../db/session.ts';
import { resultOutcome } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { AfdError } from '../../domain/errors.ts';
import { checkNewTasks } from '../../domain/task/new-task.ts';
import { errorText } from '../../domain/text/error-text.ts';
import { wallMilliseconds } from '../../runtime/clock.ts';
import type { RemoteDevices } from './remote-devices.ts';
import { ringForEnds } from './ring-for-ends.ts';
import { bytes, reconciledOf } from './wire.ts';

const NO_MESSAGE = 'The device reported a failure without a message.';

/**
 * One answer for each, in order; all that is accepted is written in one transaction. A result that was accepted before is
 * `committed`. @throws AfdError as DeviceRegistry.plain, E_USAGE; DatabaseError
 */
export async function takeResults(
  devices: RemoteDevices,
  deviceId: string,
  given: GivenResult[],
): Promise<ResultAnswer[]> {
  assertOnce(given);
  const outcomes = given.map(outcomeOf);
  const device = await devices.registry.plain(deviceId);
  devices.keeper.touch(device);
  return devices.requests.use(async (context) => {
    const session = await context.session();
    const ids = given.map((one) => one.task_id);
    const attempts = await attemptsOfDevice(session, context.names, device.id, ids);
    const meant = given.map((one) => attemptOf(one, attempts));
    const finishes = given.flatMap((_, n) => {
      const attempt = meant[n];
      return attempt === undefined ? [] : [finishOf(attempt, outcomes[n]!)];
    });
    const reconciled = finishes.length === 0 ? [] : await devices.claims.finish(session, device, finishes);
    void ringForEnds(devices.requests, reconciled);
    for (const one of finishes) if (one.assignment_id !== null) devices.starts.ended(one.assignment_id);
    const answers = reconciledOf(finishes, reconciled);
    const result: ResultAnswer[] = [];
    for (const [n, { task_id }] of given.entries()) {
      if (meant[n] === undefined) result.push(await refused(session, devices, deviceId, given[n]!));
      else {
        const { kind, task_status, reason } = answers.shift()!;
        if (kind === 'lost') result.push({ task_id, status: 'refused', reason: `its attempt is over: ${reason}` });
        else result.push({ task_id, status: kind, task_status: task_status ?? 'gone' });
      }
    }
    return result;
  });
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

function attemptOf(given: GivenResult, attempts: DeviceAttempt[]): DeviceAttempt | undefined {
  const token = given.claim_token === undefined ? undefined : bytes(given.claim_token);
  const own = attempts.filter(
    (one) =>
      one.task_id === given.task_id &&
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
  devices: RemoteDevices,
  deviceId: string,
  { task_id, attempt, claim_token }: GivenResult,
): Promise<ResultAnswer> {
  const now = await taskNow(session, devices.context.names, task_id);
  const which = attempt === undefined && claim_token === undefined ? 'an attempt' : 'this attempt';
  const state =
    now === undefined
      ? 'there is no such task'
      : `the task is ${now.status}, its last attempt is number ${now.attempt}`;
  return { task_id, status: 'refused', reason: `${deviceId} never held ${which} of it; ${state}` };
}
