// What a remote worker keeps while no gateway answers: ends of attempts, pieces of run logs, checkpoints. One file for each
// process, made when there is something to keep; what is delivered is noted in it.
import { appendFile, type open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireFinish } from '../../../http/device-contract.ts';
import type { LogsBody } from '../../../http/device-reports.ts';
import type { Registered } from '../../remote/wire.ts';
import { monotonic } from '../../runtime/clock.ts';
import { encodeRecord, JournalFile, readJournal } from './journal-file.ts';

export interface KeptCheckpoint {
  task_id: number;
  claim_token: string;
  /** JSON text. */
  value: string;
}

export type Kept =
  | { kind: 'end'; end: WireFinish }
  | { kind: 'log'; log: LogsBody }
  | { kind: 'checkpoint'; checkpoint: KeptCheckpoint };

type Record =
  | { kind: 'process'; device_id: string; instance_token: string }
  | { kind: 'delivered'; of: number[] }
  | (Kept & { n: number });

/** What an earlier process has left. */
export interface LeftJournal {
  path: string;
  device_id: string;
  instance_token: string;
  /** Not delivered, in the order in which it was kept. */
  kept: Kept[];
}

export interface JournalOptions {
  folder: string;
  mostBytes: number;
  warn(message: string): void;
  /** Something is well again. */
  note?(message: string): void;
}

const SUFFIX = '.journal';
/** A file that could not be written is tried again after this, also when there is nothing to keep. */
const AGAIN_MS = 5000;

/**
 * Never throws: where the disk is full or the limit is reached, it says so once, and what cannot be kept is in memory alone. It says so
 * too when it can be written again.
 */
export class Journal {
  readonly #o: JournalOptions;
  readonly #deviceId: string;
  readonly #file: JournalFile;
  readonly #process: Record;
  readonly #open = new Set<number>();
  #n = 0;
  #begun = false;
  /** The limit was reached, and not all has been delivered since. */
  #full = false;
  /** The last write failed; when it is tried again (monotonic ms). */
  #failing: { again: number } | undefined;

  /** `opened`: see JournalFile. */
  constructor(options: JournalOptions, { deviceId, instanceToken }: Registered, opened?: typeof open) {
    const token = instanceToken.toString('hex');
    this.#o = options;
    this.#deviceId = deviceId;
    this.#file = new JournalFile(join(options.folder, `${deviceId}.${token.slice(0, 8)}${SUFFIX}`), opened);
    this.#process = { kind: 'process', device_id: deviceId, instance_token: token };
  }

  /** The number of what is kept now; undefined = it is not. */
  async keep(what: Kept): Promise<number | undefined> {
    const n = ++this.#n;
    const record = encodeRecord({ n, ...what });
    if (this.#file.length + record.length > this.#o.mostBytes) {
      if (!this.#full) this.#warn(`it has reached worker.journal_bytes (${this.#o.mostBytes})`);
      this.#full = true;
      return undefined;
    }
    this.#open.add(n);
    if (await this.#append(record)) return n;
    this.#open.delete(n);
    return undefined;
  }

  /**
   * Whether what is kept now would survive, as far as is known: false after a failed write or at the limit. Now and then it tries a
   * file that could not be written, for the answer to the next question.
   */
  canKeep(): boolean {
    if (this.#failing !== undefined && monotonic() >= this.#failing.again) {
      this.#failing.again = monotonic() + AGAIN_MS;
      void this.#append();
    }
    return !this.#full && this.#failing === undefined;
  }

  /** The gateway has taken or refused these, and what could not be kept. */
  async delivered(numbers: number[]): Promise<void> {
    for (const one of numbers) this.#open.delete(one);
    if (this.#open.size === 0) this.#full = false;
    if (numbers.length === 0 || !this.#begun) return;
    if (this.#open.size > 0) {
      await this.#append(encodeRecord({ kind: 'delivered', of: numbers }));
      return;
    }
    this.#begun = false;
    await this.#file.clear().catch((error: Error) => this.#failed(error));
  }

  /** A result that a gateway refused because its task was taken from this device: nobody else has it. */
  async refused(what: object): Promise<void> {
    await writeRefused(this.#o, this.#deviceId, what);
  }

  /** The file stays if something in it is not delivered. */
  async close(): Promise<void> {
    await this.#file.close(this.#open.size === 0).catch((error: Error) => this.#failed(error));
  }

  /** Behind the record that says whose they are. Without a record: to try whether the file can be written. */
  async #append(...records: Buffer[]): Promise<boolean> {
    const all = this.#begun && records.length > 0 ? records : [encodeRecord(this.#process), ...records];
    try {
      await Promise.all(all.map((one) => this.#file.append(one)));
    } catch (error) {
      this.#failed(error as Error);
      return false;
    }
    this.#begun = true;
    if (this.#failing !== undefined) this.#o.note?.(`the journal ${this.#file.path} can be written again`);
    this.#failing = undefined;
    return true;
  }

  #failed({ message }: Error): void {
    if (this.#failing === undefined) this.#warn(message);
    this.#failing = { again: monotonic() + AGAIN_MS };
  }

  #warn(why: string): void {
    this.#o.warn(
      `the journal ${this.#file.path} cannot be written, so what this worker cannot deliver is in its memory only: ${why}`,
    );
  }
}

/** Journals of earlier processes of this device, oldest first. What is torn is cut, with a warning. */
export async function leftJournals({ folder, warn }: JournalOptions, deviceId: string): Promise<LeftJournal[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') warn(`the journals in ${folder} cannot be read: ${error.message}`);
    return [];
  });
  const own = names.filter(
    (one) => one.startsWith(`${deviceId}.`) && /^[0-9a-f]{8}\.journal$/.test(one.slice(deviceId.length + 1)),
  );
  const left: LeftJournal[] = [];
  for (const name of own.sort()) {
    const path = join(folder, name);
    try {
      const { records, torn } = await readJournal(path);
      if (torn > 0) warn(`the last ${torn} bytes of the journal ${path} were not whole, and are cut off`);
      const found = leftOf(path, records as Record[]);
      if (found === undefined) await rm(path, { force: true });
      else left.push(found);
    } catch (error) {
      warn(`the journal ${path} cannot be read: ${(error as Error).message}`);
    }
  }
  return left;
}

/** Undefined = everything in it is delivered. */
function leftOf(path: string, records: Record[]): LeftJournal | undefined {
  let owner: (Record & { kind: 'process' }) | undefined;
  const kept = new Map<number, Kept>();
  for (const one of records) {
    if (one.kind === 'process') owner = one;
    else if (one.kind === 'delivered') for (const n of one.of) kept.delete(n);
    else kept.set(one.n, one);
  }
  if (owner === undefined || kept.size === 0) return undefined;
  const { device_id, instance_token } = owner;
  return { path, device_id, instance_token, kept: [...kept.values()] };
}

/** Beside the journals, for a person. */
export async function writeRefused({ folder, warn }: JournalOptions, deviceId: string, what: object): Promise<void> {
  const path = join(folder, `${deviceId}.refused`);
  try {
    await appendFile(path, `${JSON.stringify(what)}\n`, { mode: 0o600 });
  } catch (error) {
    warn(
      `the refused result ${JSON.stringify(what).slice(0, 1000)} cannot be written to ${path}: ${(error as Error).message}`,
    );
  }
}
