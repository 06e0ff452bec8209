// What a verdict rests on, in the folder of a run, so that it can be judged again: settings, the events of the database, the
// ledger of the handlers, and the history, one JSON line per step of a process.
import { appendFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence, Execution, HistoryLine } from './check/evidence.ts';
import { FOREIGNER } from './strangers.ts';

/** What a process says of a step, without what the history adds. */
export type Entry = Pick<HistoryLine, 'proc' | 'type' | 'f'> & Record<string, unknown>;

/** In memory for the checker and in a file for a human. */
export class History {
  readonly lines: HistoryLine[] = [];
  readonly #file: string;
  readonly #seq = new Map<string, number>();
  #unwritten = '';

  constructor(dir: string) {
    this.#file = join(dir, 'history.jsonl');
  }

  note(entry: Entry): void {
    const seq = (this.#seq.get(entry.proc) ?? 0) + 1;
    this.#seq.set(entry.proc, seq);
    const line = { seq, mono_ns: String(process.hrtime.bigint()), wall: Date.now(), ...entry } as HistoryLine;
    this.lines.push(line);
    this.#unwritten += `${JSON.stringify(line)}\n`;
    if (this.#unwritten.length > 100_000) this.flush();
  }

  flush(): void {
    appendFileSync(this.#file, this.#unwritten);
    this.#unwritten = '';
  }
}

type Kept = Pick<Evidence, 'settings' | 'events' | 'history' | 'drained'>;

/** Writes the events and what else a verdict needs; history and ledger are in the folder already. */
export async function keepEvidence(dir: string, kept: Kept): Promise<Evidence> {
  const { settings, events, drained } = kept;
  await writeFile(join(dir, 'events.jsonl'), events.map((one) => `${JSON.stringify(one)}\n`).join(''));
  await writeFile(join(dir, 'settings.json'), JSON.stringify({ settings, drained }));
  return whole(dir, kept);
}

/** @throws Error when the folder is not one of a run that came to its end */
export async function readEvidence(dir: string): Promise<Evidence> {
  const kept = JSON.parse(await readFile(join(dir, 'settings.json'), 'utf8'));
  const events = await linesOf<Evidence['events'][number]>(dir, 'events.jsonl');
  return whole(dir, { ...kept, events, history: await linesOf<HistoryLine>(dir, 'history.jsonl') });
}

async function whole(dir: string, kept: Kept): Promise<Evidence> {
  const ledger = (await linesOf<Execution>(dir, 'ledger.jsonl')).map(({ token, ...rest }) =>
    token === undefined || token === '' ? rest : { ...rest, token: token.toLowerCase() },
  );
  const strange = kept.events.filter((one) => one.proc === FOREIGNER);
  return { ...kept, ledger, foreign: new Set(strange.map((one) => one.conn)) };
}

async function linesOf<T>(dir: string, name: string): Promise<T[]> {
  const text = await readFile(join(dir, name), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as T]));
}
