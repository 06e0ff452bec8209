// The next tasks of a plain client (design document, 5.1.2): claimed on the spot, with what a handler of afd would be given.

import { randomBytes } from 'node:crypto';
import { claimedPayload } from '../../db/attempts/claimed-payload.ts';
import { type ClaimedTask, INLINE_BYTES } from '../../db/claim/claimed-task.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import { effectivePayload } from '../../domain/task/payload.ts';
import { timeoutSeconds } from '../../domain/task/timeout.ts';
import { monotonic } from '../../runtime/clock.ts';
import { longestWaitS, waitOnce } from './device-waits.ts';
import { expected, type GatewayDevice } from './gateway-device.ts';
import type { RemoteDevices } from './remote-devices.ts';

/** The answer of the design document, and what a client may add to its result. */
export interface NextTask {
  task_id: number;
  task_type: string;
  task_data: Record<string, unknown>;
  priority: number;
  timeout: number;
  retry_count: number;
  attempt: number;
  claim_token: string;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * At most `limit` tasks; none when nothing is due for `wait` seconds. `closed`: aborted when the connection is: then nothing
 * stays claimed. @throws AfdError as DeviceRegistry.plain; DatabaseError
 */
export async function nextTasks(
  devices: RemoteDevices,
  deviceId: string,
  { limit, wait }: { limit: number; wait: number },
  closed: AbortSignal,
): Promise<NextTask[]> {
  const device = await devices.registry.plain(deviceId);
  devices.keeper.touch(device);
  const until = monotonic() + longestWaitS(devices, wait) * 1000;
  await devices.reads.fresh();
  for (;;) {
    const tasks = devices.reads.hasWork({ device, without: NONE }) ? await claim(devices, device, limit, closed) : [];
    const left = until - monotonic();
    if (tasks.length > 0 || closed.aborted || left <= 0) return tasks;
    if (devices.registry.known(deviceId) !== device)
      return nextTasks(devices, deviceId, { limit, wait: left / 1000 }, closed);
    if (devices.reads.hasWork({ device, without: NONE })) continue;
    if (!(await waitOnce(devices, device, { free: limit, without: NONE, held: 0 }, until, closed))) return [];
  }
}

/** The client is gone: its tasks are open again. Best effort: else the device or the deadline ends them. */
export async function returnTasks(devices: RemoteDevices, deviceId: string, tasks: NextTask[]): Promise<void> {
  const device = devices.registry.known(deviceId);
  if (device === undefined || tasks.length === 0) return;
  await devices.requests.use(async (context) => {
    const finishes = tasks.map((one) => unclaimed(one));
    await devices.claims.finish(await context.session(), device, finishes);
  });
}

function unclaimed({ task_id, task_type, attempt, claim_token }: NextTask): Finish {
  const outcome: Outcome = { kind: 'released', cause: 'unclaimed' };
  return {
    task_id,
    task_type,
    attempt,
    assignment_id: null,
    claim_token: Buffer.from(claim_token, 'hex'),
    outcome,
    age_ms: null,
  };
}

async function claim(
  devices: RemoteDevices,
  device: GatewayDevice,
  limit: number,
  closed: AbortSignal,
): Promise<NextTask[]> {
  await expected(device);
  const claim_token = randomBytes(16);
  const { claimed, permission } = await devices.plainClaims.claim({ device, claim_token, limit, closed });
  if (permission === 'superseded' || permission === 'missing') devices.registry.forget(device);
  const readable: NextTask[] = [];
  const broken: Finish[] = [];
  for (const task of claimed) {
    const read = await readTask(devices, task, claim_token);
    if ('problem' in read) broken.push(unreadable(task, claim_token, read.problem));
    else readable.push(read);
  }
  if (broken.length > 0)
    await devices.requests.use(async (context) => devices.claims.finish(await context.session(), device, broken));
  devices.starts.began(
    claimed.filter((one) => readable.some(({ task_id }) => task_id === one.id)),
    claim_token,
  );
  return readable;
}

async function readTask(
  { context, requests }: RemoteDevices,
  task: ClaimedTask,
  claim_token: Buffer,
): Promise<NextTask | { problem: string }> {
  const { id: task_id, task_type, payload_bytes, priority, retry } = task;
  const long = payload_bytes > INLINE_BYTES;
  const read = () =>
    requests.use(async (own) => claimedPayload(await own.session(), context.names, { task_id, claim_token }));
  const text = long ? await read() : task.task_data;
  try {
    return {
      task_id,
      task_type,
      task_data: effectivePayload(task, text ?? null),
      priority: priority ?? 5,
      timeout: timeoutSeconds(task.execution_timeout, context.config.master.task_timeout),
      retry_count: retry ?? 0,
      attempt: task.attempt + 1,
      claim_token: claim_token.toString('hex'),
    };
  } catch (error) {
    return { problem: `The payload cannot be read: ${(error as Error).message}` };
  }
}

function unreadable(task: ClaimedTask, claim_token: Buffer, error_message: string): Finish {
  const outcome: Outcome = { kind: 'permanent', error_class: 'payload', error_message };
  const { id: task_id, task_type, assignment_id } = task;
  return { task_id, task_type, attempt: task.attempt + 1, assignment_id, claim_token, outcome, age_ms: null };
}
