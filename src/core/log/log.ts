// The logger is a subscriber of the node's events and nothing else. One event is one line on the stream that was
// passed in: text for a terminal, cron and journald, or JSON.
import { pino } from 'pino';
import { wallClock } from '../runtime/clock.ts';
import type { AfdEventName, AfdEvents, Events } from '../runtime/events.ts';
import { HiddenTexts } from './hidden-texts.ts';
import { describeEvent } from './log-sentences.ts';
import { redact, redactBeginning } from './redact.ts';
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
}

/** Has the shape of a handler's `ctx.log`; `child` adds fields to every line. Of a long text a line has the beginning. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
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
  return wrap(logger, {}, { device, hidden: new HiddenTexts() });
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
  hidden: HiddenTexts;
}

function wrap(logger: pino.Logger, bound: LogFields, shared: Shared): Log {
  const { device, hidden } = shared;
  const write = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (!logger.isLevelEnabled(level)) return;
    // The fields after they are bounded, and the message before it is cut.
    const shown = hidden.of(redact({ ...bound, ...fields }, FIELDS)) as LogFields;
    logger[level](shown, redactBeginning(String(hidden.of(message)), TEXT));
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    enabled: (level) => logger.isLevelEnabled(level),
    child: (fields) => wrap(logger, { ...bound, ...fields }, shared),
    setDevice(id) {
      device.id = id;
    },
    hide: (texts) => hidden.add(texts),
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
