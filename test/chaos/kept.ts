// The folder of a run holds everything that its verdict rests on, so that it can be judged again.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from './check/evidence.ts';
import { readLedger } from './handlers.ts';
import { FOREIGNER } from './strangers.ts';

/** Writes the events and what else a verdict needs; history and ledger are in the folder already. */
export async function keepEvidence(
  dir: string,
  { settings, events, history, drained }: Pick<Evidence, 'settings' | 'events' | 'history' | 'drained'>,
): Promise<Evidence> {
  await writeFile(join(dir, 'events.jsonl'), events.map((one) => `${JSON.stringify(one)}\n`).join(''));
  await writeFile(join(dir, 'settings.json'), JSON.stringify({ settings, drained }));
  return { settings, drained, events, history, ledger: await readLedger(dir), foreign: foreignOf(events) };
}

/** @throws Error when the folder is not one of a run that came to its end */
export async function readEvidence(dir: string): Promise<Evidence> {
  const read = (name: string) => readFile(join(dir, name), 'utf8');
  const lines = async <T>(name: string) =>
    (await read(name))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  const { settings, drained } = JSON.parse(await read('settings.json')) as Pick<Evidence, 'settings' | 'drained'>;
  const events = await lines<Evidence['events'][number]>('events.jsonl');
  const history = await lines<Evidence['history'][number]>('history.jsonl');
  return { settings, drained, events, history, ledger: await readLedger(dir), foreign: foreignOf(events) };
}

function foreignOf(events: Evidence['events']): Set<string> {
  return new Set(events.filter((one) => one.proc === FOREIGNER).map((one) => one.conn));
}
