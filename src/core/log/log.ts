// The logger is a subscriber of the node's events and nothing else. One event is one line on the stream that was
// passed in: text for a terminal, cron and journald, or JSON.
import { pino } from 'pino';
import { KnownSecrets } from '../domain/redaction/known-secrets.ts';
import { redact, redactBeginning } from '../domain/redaction/redact.ts';
import { SecretMask } from '../domain/redaction/secret-mask.ts';
import { wallClock } from '../runtime/clock.ts';
import type { AfdEventName, AfdEvents, Events } from '../runtime/events.ts';
import { describeEvent } from './log-sentences.ts';
import { escapeInJson, escapeSpecial } from './terminal-text.ts';

/** Characters of a message, and of each text among the fields. A longer one may be a whole crawled page. */
const TEXT = 8192;
/** Of the fields of one line: what a line costs is bounded, whatever a handler logs. */
const FIELDS = { values: 1000, text: TEXT, characters: 65_536 };

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Record<string, unknown>;

/** Where lines go; a `process.stderr` or anything else with `write`. */
export interface LogStream {
  write(line: string): unknown;
  /** Its file descriptor, if it has one: for lines that another thread writes. */
  fd?: number | undefined;
}

export interface LogOptions {
  level: LogLevel;
  format: 'text' | 'json';
  stream: LogStream;
  /** In every line once it is known; `device:registered` and `worker:started` set it too. */
  deviceId?: string | undefined;
  /** What no line shows; `hide` adds to it. */
  known?: KnownSecrets | undefined;
}

/** Has the shape of a handler's `ctx.log`; `child` adds fields to every line. Of a long text a line has the beginning. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** `mask`: what its lines do not show either. */
  child(fields: LogFields, mask?: SecretMask): Log;
  /** False = such a line would not be written. */
  enabled(level: Exclude<LogLevel, 'silent'>): boolean;
  /** The device id that every later line carries. */
  setDevice(deviceId: string): void;
  /** No later line shows these texts. Of very many, the oldest are forgotten. */
  hide(texts: string[]): void;
}

export function createLog(options: LogOptions): Log {
  const device = { id: options.deviceId };
  const write = options.format === 'json' ? writeJson : writeText;
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"time":"${wallClock()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => (device.id === undefined ? {} : { device_id: device.id }),
      messageKey: 'message',
    },
    { write: (line: string) => write(options, line) },
  );
  return wrap(logger, {}, { device, known: options.known ?? new KnownSecrets() });
}

/** Writes a line for every event worth one. Returns the way to stop. */
export function attachLog(events: Events, log: Log): () => void {
  return events.onAny((name, data) => {
    if (name === 'device:registered' || name === 'worker:started') {
      log.setDevice((data as AfdEvents['device:registered']).device_id);
    }
    // A sentence for every task is made only when it is logged.
    if (isRoutine(name, data) && !log.enabled('info')) return;
    const line = describeEvent(name as AfdEventName, data);
    log[line.level](line.message, { event: name, ...line.fields });
  });
}

/** What happens to each task when nothing is wrong: no line of it is above info. */
function isRoutine(name: AfdEventName, data: AfdEvents[AfdEventName]): boolean {
  if (name === 'task:finished') return (data as AfdEvents['task:finished']).outcome === 'done';
  return name === 'task:claimed' || name === 'task:started';
}

/** What a log and its children share. */
interface Shared {
  device: { id: string | undefined };
  known: KnownSecrets;
}

function wrap(logger: pino.Logger, bound: LogFields, shared: Shared, own?: SecretMask): Log {
  const { device, known } = shared;
  const maskNow = own === undefined ? () => known.mask : together(known, own);
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return;
    const mask = maskNow();
    const shown = redact({ ...bound, ...fields }, { limits: FIELDS, mask }) as LogFields;
    logger[level](shown, redactBeginning(String(message), TEXT, mask));
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    enabled: (level) => logger.isLevelEnabled(level),
    child: (fields, mask = own) => wrap(logger, { ...bound, ...fields }, shared, mask),
    setDevice(id) {
      device.id = id;
    },
    hide: (texts) => known.add(texts),
  };
}

/** Made anew only when there are more known secrets than before. */
function together(known: KnownSecrets, own: SecretMask): () => SecretMask {
  let of: SecretMask | undefined;
  let mask = own;
  return () => {
    const now = known.mask;
    if (now !== of) mask = now === undefined ? own : new SecretMask([], now, own);
    of = now;
    return mask;
  };
}

function writeJson(options: LogOptions, json: string): void {
  options.stream.write(escapeInJson(json));
}

function writeText(options: LogOptions, json: string): void {
  const { time, level, device_id, message, event, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const shown = Object.entries(fields).map(([key, value]) => `${escapeSpecial(key)}=${quoted(value)}`);
  const head = [time, String(level).toUpperCase().padEnd(5), device_id ?? '-'].map((part) =>
    escapeSpecial(String(part)),
  );
  options.stream.write(`${[...head, escapeSpecial(String(message)), ...shown].join(' ')}\n`);
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return typeof value === 'string' && (text === '' || /[\s"=]/.test(text))
    ? JSON.stringify(escapeSpecial(text))
    : escapeSpecial(text);
}
