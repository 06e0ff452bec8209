// Before a remote worker registers, it delivers what earlier processes of its device have kept: registering ends their attempts.
import { rm } from 'node:fs/promises';
import { deliverAnswer, type WireFinish } from '../../../http/device-contract.ts';
import { DatabaseError } from '../../db/database-error.ts';
import { AfdError } from '../../domain/errors.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { Events } from '../../runtime/events.ts';
import { type JournalOptions, type LeftJournal, leftJournals, writeRefused } from './journal.ts';
import { deliverLog, sendCheckpoint } from './kept-calls.ts';

/** Ends of one call, and about how many bytes. */
const MOST_ENDS = 200;
const MOST_BYTES = 512 * 1024;

export interface LeftOptions extends JournalOptions {
  client: GatewayClient;
  events: Pick<Events, 'emit'>;
}

/**
 * In the order in which it was kept: run logs and checkpoints, then ends, which end the right to those. Safe to repeat.
 * @throws DatabaseError when no gateway answers
 */
export async function deliverLeft(options: LeftOptions, deviceId: string): Promise<void> {
  for (const journal of await leftJournals(options, deviceId)) {
    const ends = journal.kept.flatMap((one) => (one.kind === 'end' ? [one.end] : []));
    for (const one of journal.kept) {
      if (one.kind === 'log') await orRefused(options, () => deliverLog(options.client, journal.device_id, one.log));
      else if (one.kind === 'checkpoint')
        await orRefused(options, () => sendCheckpoint(options.client, journal.device_id, one.checkpoint));
    }
    let delivered = 0;
    for (const some of parts(ends)) delivered += await deliverEnds(options, journal, some);
    await rm(journal.path, { force: true });
    const message = `an earlier process of ${journal.device_id} had kept ${ends.length} results while no gateway answered: ${delivered} are delivered`;
    if (ends.length > 0) options.events.emit('note', { message });
  }
}

/** How many were taken. */
async function deliverEnds(options: LeftOptions, journal: LeftJournal, ends: WireFinish[]): Promise<number> {
  const { client } = options;
  const path = `devices/${journal.device_id}/deliver`;
  const body = { instance_token: journal.instance_token, finishes: ends };
  const call = { method: 'POST', path, body, answer: deliverAnswer, repeatable: true } as const;
  const answer = await orRefused(options, () => client.call(call));
  if (answer === undefined && ends.length > 1) {
    // One of them is at fault.
    let delivered = 0;
    for (const one of ends) delivered += await deliverEnds(options, journal, [one]);
    return delivered;
  }
  let delivered = 0;
  for (const [n, end] of ends.entries()) {
    const result = answer?.reconciled[n];
    if (result !== undefined && result.kind !== 'lost') delivered += 1;
    else if (end.outcome.kind !== 'released') await refuse(options, journal, end, result?.reason);
  }
  return delivered;
}

async function refuse(
  options: LeftOptions,
  journal: LeftJournal,
  end: WireFinish,
  why: string | undefined,
): Promise<void> {
  const { task_id, attempt, task_type, outcome } = end;
  const reason = why ?? 'the gateway did not accept it';
  options.events.emit('task:lost', { task_id, attempt, reason });
  await writeRefused(options, journal.device_id, { task_id, attempt, task_type, reason, outcome });
}

/** Undefined = the gateway does not take it, whatever is tried. @throws DatabaseError: another try may go through */
async function orRefused<T>({ warn }: LeftOptions, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof AfdError) || (error instanceof DatabaseError && error.fault !== 'data')) throw error;
    warn(`something that an earlier process had kept is not accepted: ${error.message}`);
    return undefined;
  }
}

function* parts(ends: WireFinish[]): Generator<WireFinish[]> {
  let part: WireFinish[] = [];
  let size = 0;
  for (const one of ends) {
    const bytes = JSON.stringify(one).length;
    if (part.length > 0 && (part.length >= MOST_ENDS || size + bytes > MOST_BYTES)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(one);
    size += bytes;
  }
  if (part.length > 0) yield part;
}
