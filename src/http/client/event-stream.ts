// Events of a stream (text/event-stream), which resumes by itself where it was broken off.
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationContract } from '../operations/operation.ts';
import { partsOf } from './body.ts';
import { AfdHttpError } from './http-error.ts';
import { type CallOptions, type ClientOptions, type Input, send } from './send.ts';
import { TimeLimit } from './time-limit.ts';

export interface StreamEvent<Data = unknown> {
  /** What to send as Last-Event-ID to get what follows; undefined for an event that has no place in the stream. */
  id: string | undefined;
  event: string;
  data: Data;
}

export interface StreamOptions extends CallOptions {
  /** Of an earlier stream: it goes on behind this event. */
  lastEventId?: string;
}

/** A connection that says nothing for this long is dead: a gateway sends a comment every 15 seconds. */
const SILENT_MS = 45_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Ends when the signal is aborted, or when the gateway says that the stream is complete (`event: end`). A broken connection is opened
 * again. @throws AfdHttpError when the gateway refuses the stream
 */
export async function* streamOf<Data>(
  client: ClientOptions,
  operation: OperationContract,
  input: Input,
  options: StreamOptions,
): AsyncGenerator<StreamEvent<Data>, void, void> {
  const { signal, lastEventId, ...call } = options;
  let last = lastEventId;
  let failures = 0;
  while (!isAborted(signal)) {
    const silence = new TimeLimit(SILENT_MS, 'The stream is silent (timeout).', signal);
    try {
      const headers = { ...call.headers, ...(last === undefined ? {} : { 'last-event-id': last }) };
      const given = { ...call, headers, signal: silence.signal };
      const response = await send(client, operation, input, given, async (answer) => answer);
      for await (const event of eventsIn<Data>(response, silence)) {
        failures = 0;
        if (event.id !== undefined) last = event.id;
        if (event.event === 'end') return;
        yield event;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      if (error instanceof AfdHttpError && error.status < 500) throw error;
    } finally {
      silence.abort();
    }
    const waitMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
    failures += 1;
    await pause(waitMs * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

async function* eventsIn<Data>(response: Response, silence: TimeLimit): AsyncGenerator<StreamEvent<Data>, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of partsOf(response, silence.signal)) {
    silence.restart();
    rest += decoder.decode(bytes, { stream: true });
    const parts = rest.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const event = eventOf<Data>(part);
      if (event !== undefined) yield event;
    }
  }
}

function eventOf<Data>(text: string): StreamEvent<Data> | undefined {
  const fields = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.slice(colon + 1);
    const name = line.slice(0, colon);
    fields.set(name, [...(fields.get(name) ?? []), value.startsWith(' ') ? value.slice(1) : value]);
  }
  const data = fields.get('data')?.join('\n');
  if (data === undefined) return undefined;
  return { id: fields.get('id')?.[0], event: fields.get('event')?.[0] ?? 'message', data: parsed(data) as Data };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
