// The history of a storm: one JSON line per step of a process, in memory for the checker and in a file for a human.
import { appendFileSync } from 'node:fs';
import type { HistoryLine } from './check/evidence.ts';

/** What a process says of a step, without what the history adds. */
export type Entry = Pick<HistoryLine, 'proc' | 'type' | 'f'> & Record<string, unknown>;

export class History {
  readonly lines: HistoryLine[] = [];
  readonly #file: string;
  readonly #seq = new Map<string, number>();
  #unwritten = '';

  constructor(file: string) {
    this.#file = file;
  }

  note(entry: Entry): HistoryLine {
    const seq = (this.#seq.get(entry.proc) ?? 0) + 1;
    this.#seq.set(entry.proc, seq);
    const line = { seq, mono_ns: String(process.hrtime.bigint()), wall: Date.now(), ...entry } as HistoryLine;
    this.lines.push(line);
    this.#unwritten += `${JSON.stringify(line)}\n`;
    if (this.#unwritten.length > 100_000) this.flush();
    return line;
  }

  flush(): void {
    appendFileSync(this.#file, this.#unwritten);
    this.#unwritten = '';
  }
}
