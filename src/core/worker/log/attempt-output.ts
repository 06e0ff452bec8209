import { redact, SECRET_NAME } from '../../domain/redaction/redact.ts';
import type { SecretMask } from '../../domain/redaction/secret-mask.ts';
import type { LogSource } from '../../domain/run-log/log-line.ts';
import type { HandlerLog, OutputStream } from '../../handlers/handler.ts';
import { OutputLog } from '../../handlers/output-log.ts';
import { wallMilliseconds } from '../../runtime/clock.ts';
import type { AttemptLog } from './attempt-log.ts';

/** Fields, and characters of a key, that are looked at one by one. */
const MOST_PLAIN = 50;
/** Of one line of `ctx.log`. */
const FIELDS = { values: 1000, text: 8192, characters: 65_536 };

/**
 * Where everything goes that an attempt says: into the log of the device, and into its run log. Made when it first says
 * something.
 */
export class AttemptOutput {
  /** `ctx.log`. */
  readonly log: HandlerLog;
  readonly #device: OutputLog;
  readonly #open: () => AttemptLog | undefined;
  #run: AttemptLog | undefined;
  #opened = false;

  /** `mask`: of what the attempt may know. `open`: begins its run log; undefined = it has none. */
  constructor(device: HandlerLog, mask: SecretMask | undefined, open: () => AttemptLog | undefined) {
    this.#device = new OutputLog(device, { mask });
    this.#open = open;
    const both = (level: keyof HandlerLog) => (message: string, fields?: Record<string, unknown>) => {
      device[level](message, fields);
      this.#add(level, lineOf(message, fields));
    };
    this.log = { debug: both('debug'), info: both('info'), warn: both('warn'), error: both('error') };
  }

  /** Bytes that the attempt put out. */
  print(stream: OutputStream, chunk: Buffer): void {
    this.#device.write(stream, chunk);
    this.#runLog()?.add(stream, chunk, wallMilliseconds());
  }

  /** Ends the open lines in the log of the device: they may be the last words of a handler. */
  flush(): void {
    this.#device.end();
  }

  /** Output that was dropped on its way to this process, in bytes. */
  skip(bytes: number): void {
    this.#runLog()?.skip(bytes);
  }

  /** A line of the worker itself, in the run log only. */
  note(text: string): void {
    this.#add('afd', text);
  }

  end(failed: boolean): void {
    this.#device.end();
    this.#run?.end(failed);
  }

  #add(source: LogSource, text: string): void {
    this.#runLog()?.addText(source, text, wallMilliseconds());
  }

  #runLog(): AttemptLog | undefined {
    if (!this.#opened) this.#run = this.#open();
    this.#opened = true;
    return this.#run;
  }
}

/** A stack trace keeps its lines; the other fields follow as JSON. */
function lineOf(message: unknown, fields: Record<string, unknown> | undefined): string {
  if (fields === undefined) return String(message);
  if (isPlain(fields)) return `${message} ${JSON.stringify(fields)}`;
  const { stack, ...others } = redact(fields, { limits: FIELDS }) as Record<string, unknown>;
  const rest = Object.keys(others).length === 0 ? '' : ` ${JSON.stringify(others, spelled)}`;
  return typeof stack === 'string' ? `${message}${rest}\n${stack}` : `${message}${rest}`;
}

/** Numbers and the like under keys that tell of no secret: most lines have no other fields, and there may be thousands a second. */
function isPlain(fields: Record<string, unknown>): boolean {
  let count = 0;
  for (const key in fields) {
    const value = fields[key];
    count += 1;
    if (typeof value !== 'number' && typeof value !== 'boolean' && value !== null) return false;
    if (count > MOST_PLAIN || key.length > MOST_PLAIN || SECRET_NAME.test(key)) return false;
  }
  return count > 0;
}

function spelled(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
