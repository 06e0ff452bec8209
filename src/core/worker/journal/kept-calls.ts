// Calls that deliver run logs and checkpoints: at once, or out of the journal.
import { checkpointAnswer, type LogsBody, logsAnswer, writtenAnswer } from '../../../http/device-reports.ts';
import type { LoggedAttempt } from '../../db/logs/logged-attempt.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { KeptCheckpoint } from './journal.ts';

/** Pieces that may have been written before: only what is missing is sent. @throws DatabaseError */
export async function deliverLog(client: GatewayClient, deviceId: string, log: LogsBody): Promise<void> {
  const attempts = [...new Map(log.pieces.map((one) => [`${one.task_id} ${one.attempt}`, one])).values()];
  const written = attempts.length === 0 ? [] : await writtenOf(client, deviceId, attempts);
  const ends = new Map(written.map((one) => [`${one.task_id} ${one.attempt}`, one.to_byte]));
  const pieces = log.pieces.filter((one) => one.to_byte > (ends.get(`${one.task_id} ${one.attempt}`) ?? 0));
  if (pieces.length + log.trims.length > 0) await sendLog(client, deviceId, { ...log, pieces });
}

/** @throws DatabaseError */
export async function sendLog(client: GatewayClient, deviceId: string, body: LogsBody): Promise<void> {
  const path = `devices/${deviceId}/logs`;
  await client.call({ method: 'POST', path, body, answer: logsAnswer, repeatable: false });
}

/** How far the log of each attempt is stored. @throws DatabaseError */
export async function writtenOf(
  client: GatewayClient,
  deviceId: string,
  attempts: LoggedAttempt[],
): Promise<Array<LoggedAttempt & { to_byte: number }>> {
  const body = { attempts: attempts.map(({ task_id, attempt }) => ({ task_id, attempt })) };
  const path = `devices/${deviceId}/logs/written`;
  return (await client.call({ method: 'POST', path, body, answer: writtenAnswer, repeatable: true })).written;
}

/** False = the attempt no longer holds its task. @throws DatabaseError */
export async function sendCheckpoint(client: GatewayClient, deviceId: string, body: KeptCheckpoint): Promise<boolean> {
  const path = `devices/${deviceId}/checkpoints`;
  return (await client.call({ method: 'POST', path, body, answer: checkpointAnswer, repeatable: true })).held;
}
