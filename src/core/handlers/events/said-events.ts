import { isUtf8 } from 'node:buffer';
import { failedAttempt } from '../../domain/attempt/handler-result.ts';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { Checked } from '../../domain/attempt/report.ts';
import { decidesTheEnd, eventOf, type SaidEvent } from '../../domain/attempt/said-event.ts';
import type { NewTask } from '../../domain/task/task.ts';
import { counted } from '../../domain/text/counted.ts';
import { cleanText } from '../../domain/text/error-text.ts';
import { thrownText } from '../../domain/text/thrown-text.ts';
import type { Attempt } from '../handler.ts';
import { EVENT_BYTES, type LineReader } from './event-lines.ts';

/** Warnings of one attempt; further problems are counted. */
const MOST_WARNINGS = 20;
/** Bytes of all tasks to enqueue, as they were written. */
export const ENQUEUE_BYTES = 16 * 1024 * 1024;
/** Bytes of log events that go into the log of the device with their level and fields. */
const LOG_BYTES = 4 * 1024 * 1024;
/** Characters of an unusable event that a warning shows. */
const SHOWN = 100;

/** What a command has said in events: passes on what counts at once, and keeps what counts at its end. */
export class SaidEvents implements LineReader {
  readonly #attempt: Pick<Attempt, 'log' | 'report' | 'print'>;
  #problems = 0;
  /** The last `result` or `later`, as a result file would say it. */
  #ending: { status: 'done'; result: unknown } | { status: 'later'; [field: string]: unknown } | undefined;
  #tasks: NewTask[] = [];
  #taskBytes = 0;
  #logBytes = 0;
  /** Why it is not known how the attempt ends. */
  #unknown: string | undefined;
  #checkpoint: Promise<void> | undefined;

  constructor(attempt: Pick<Attempt, 'log' | 'report' | 'print'>) {
    this.#attempt = attempt;
  }

  line(bytes: Buffer): void {
    const said = readLine(bytes);
    if (said === undefined) return;
    if ('problem' in said) this.#refuse(said.problem, bytes);
    else this.#take(said, bytes);
  }

  tooLong(head: Buffer, bytes: number): void {
    this.#refuse(`has ${bytes} bytes; the maximum is ${EVENT_BYTES}`, head);
  }

  /** Something else is wrong. `decides`: an event that decides the end may have been lost. */
  warn(problem: string, decides: boolean): void {
    if (decides) this.#unknown ??= problem;
    this.#problems += 1;
    if (this.#problems <= MOST_WARNINGS) this.#attempt.log.warn(problem);
  }

  /** Nothing more is said. */
  end(): void {
    const more = this.#problems - MOST_WARNINGS;
    if (more > 0) this.#attempt.log.warn(`${counted(more, 'further event')} of the command could not be used`);
  }

  /** The result file, or what stands for it if there is none. */
  resultFile<File extends { kind: string }>(file: File): File | { kind: 'value'; value: unknown } {
    if (this.#ending === undefined) return file;
    if (file.kind === 'none') return { kind: 'value', value: this.#ending };
    this.#attempt.log.warn('the command wrote AFD_RESULT_FILE and a result or later event: the file counts');
    return file;
  }

  /** Adds the tasks to what is done. Without certainty about them, nothing is done. */
  complete(outcome: Outcome): Outcome {
    if (outcome.kind !== 'done') return outcome;
    if (this.#unknown !== undefined)
      return failedAttempt(`The command ended with exit code 0, but ${this.#unknown}`, 'BadEvent');
    return this.#tasks.length === 0 ? outcome : { ...outcome, enqueue: [...outcome.enqueue, ...this.#tasks] };
  }

  #take(said: SaidEvent, bytes: Buffer): void {
    const { report } = this.#attempt;
    switch (said.type) {
      case 'progress':
        report.progress(said.done, said.total, said.message ?? undefined);
        return;
      case 'metric':
        report.metric(said.name, said.value);
        return;
      case 'log':
        this.#log(said, bytes);
        return;
      case 'checkpoint':
        this.#store(said.value);
        return;
      case 'result':
        this.#ending = { status: 'done', result: said.value };
        return;
      case 'later': {
        const { type: status, ...wait } = said;
        this.#ending = { status, ...wait };
        return;
      }
      case 'enqueue':
        this.#taskBytes += bytes.length;
        if (this.#taskBytes > ENQUEUE_BYTES)
          this.#refuse(`exceeds the ${ENQUEUE_BYTES} bytes of all tasks to enqueue`, bytes);
        else for (const task of said.tasks) this.#tasks.push(task);
    }
  }

  #log({ level, message, fields }: Extract<SaidEvent, { type: 'log' }>, bytes: Buffer): void {
    this.#logBytes += bytes.length;
    if (this.#logBytes <= LOG_BYTES) {
      this.#attempt.log[level](message, Object.keys(fields).length === 0 ? undefined : fields);
      return;
    }
    if (this.#logBytes - bytes.length <= LOG_BYTES) {
      this.#attempt.log.warn(`the log events exceed ${LOG_BYTES} bytes; the rest is treated as output`);
    }
    this.#attempt.print('stdout', Buffer.concat([bytes, NEWLINE]));
  }

  #store(value: unknown): void {
    const stored = this.#attempt.report.checkpoint(value);
    // All that wait for the database share one promise.
    if (stored === this.#checkpoint) return;
    this.#checkpoint = stored;
    stored.catch((error: unknown) =>
      this.warn(`a checkpoint of the command was not stored: ${thrownText(error)}`, false),
    );
  }

  #refuse(problem: string, bytes: Buffer): void {
    const beginning = bytes.subarray(0, SHOWN * 4).toString('utf8');
    const decides = decidesTheEnd(beginning);
    // Garbage comes in millions of lines.
    if (!decides && this.#problems >= MOST_WARNINGS) {
      this.#problems += 1;
      return;
    }
    const shown = cleanText(beginning).slice(0, SHOWN);
    this.warn(`an event of the command cannot be used: it ${problem}: ${shown}`, decides);
  }
}

const NEWLINE = Buffer.from('\n');

/** Undefined = an empty line. */
function readLine(bytes: Buffer): Checked<SaidEvent> | undefined {
  if (!isUtf8(bytes)) return { problem: 'is not UTF-8' };
  const text = bytes.toString('utf8').trim();
  if (text === '') return undefined;
  // An error of JSON.parse costs more than all the rest.
  if (!text.startsWith('{') || !text.includes('"type"')) return { problem: 'is not a JSON object with a type' };
  if (!text.endsWith('}')) return { problem: 'is not JSON' };
  try {
    return eventOf(JSON.parse(text));
  } catch {
    return { problem: 'is not JSON' };
  }
}
