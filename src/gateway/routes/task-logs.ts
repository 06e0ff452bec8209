// Run logs: page by page, or as a stream that ends with the task.
import type { FastifyRequest } from 'fastify';
import { AfdError } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import type { LogEntry } from '../../core/logs/log-entry.ts';
import { type LogPage, type LogPageOptions, type LogPlace, logPage } from '../../core/logs/log-page.ts';
import { CursorOf } from '../../core/paging/cursor.ts';
import { logsAnswer, logsQuery } from '../../http/log-contract.ts';
import { taskParams } from '../../http/task-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { envelope } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';
import { EventStream } from '../server/event-stream.ts';
import { problemOf } from '../server/problem-answers.ts';

/** Logs that are followed at the same time; each asks once a second. */
const MOST_FOLLOWED = 100;
const POLL_MS = 1000;
/** Polls without a line after which a comment keeps the connection. */
const QUIET_POLLS = 15;
/** After as many polls it is asked again whether the reader may read: a key that is revoked, a session that has ended. */
const CHECK_POLLS = 5;

export function taskLogRoutes(app: App, gateway: Gateway): void {
  let followed = 0;

  app.route({
    method: 'GET',
    url: '/api/v1/tasks/:task_id/logs',
    schema: {
      operationId: 'taskLogs',
      problems: ['E_NOT_FOUND'],
      summary: 'Read what the attempts of a task have printed.',
      description:
        'With `follow=1`, or if it accepts `text/event-stream`, the client gets events: `entry` for each entry, `end` when the task has ended. Each id is a cursor, so that a client that reconnects with Last-Event-ID misses nothing.',
      tags: ['tasks'],
      params: taskParams,
      querystring: logsQuery,
      response: { 200: logsAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { follow = false, cursor, ...query } = request.query;
      const streams = follow || (request.headers.accept ?? '').includes('text/event-stream');
      const places = placesOf(request.params.task_id, query);
      const last = request.headers['last-event-id'];
      const place = places.decode(streams && typeof last === 'string' ? last : cursor);
      const options = optionsOf(request.params.task_id, query, place);
      const page = await gateway.requests.use((context) => logPage(context, options));
      if (!streams) {
        const { entries, more, ended, now } = page;
        const end = places.encode(page.place);
        return { entries: entries.map(wireEntry) as never, cursor: end, more, ended, ...envelope(request, now) };
      }
      if (followed >= MOST_FOLLOWED)
        throw new AfdError('E_TEMPORARY', `This gateway follows ${MOST_FOLLOWED} run logs already.`);
      followed += 1;
      const stream = new EventStream(request, reply);
      try {
        await follows(gateway, request, stream, { options, page, places, stopping: gateway.stopping });
      } finally {
        followed -= 1;
        stream.end();
      }
      return reply as never;
    },
  });
}

interface Followed {
  options: LogPageOptions;
  page: LogPage;
  places: CursorOf<LogPlace>;
  stopping: AbortSignal;
}

async function follows(
  gateway: Gateway,
  request: FastifyRequest,
  stream: EventStream,
  { options, page: first, places, stopping }: Followed,
): Promise<void> {
  let page = first;
  let [quiet, polls] = [0, 0];
  const over = AbortSignal.any([stream.gone, stopping]);
  for (;;) {
    // The id stands with the last entry: a client that has it has all of the page.
    const id = places.encode(page.place);
    for (const [n, entry] of page.entries.entries()) {
      const last = n === page.entries.length - 1 ? { id } : {};
      if (!(await stream.send({ event: 'entry', ...last, data: wireEntry(entry) }))) return;
    }
    if (page.ended) return void (await stream.send({ event: 'end', id, data: { task_id: String(options.task_id) } }));
    quiet = page.entries.length > 0 ? 0 : quiet + 1;
    if (quiet >= QUIET_POLLS) {
      quiet = 0;
      await stream.keepAlive();
    }
    if (!page.more) await pause(over);
    if (over.aborted) return;
    polls += 1;
    // While the database is away, nobody can say; there is nothing to show either.
    if (polls % CHECK_POLLS === 0 && (await request.server.identities?.holds(request).catch(() => true)) === false)
      return;
    const { place } = page;
    const next = await gateway.requests
      .use((context) => logPage(context, { ...options, place }))
      .catch((error: unknown) => error);
    if (next instanceof Error) {
      if (!(next instanceof AfdError)) throw next;
      // What may pass is sat out; the client sees that it lasts.
      if (next.code !== 'E_DATABASE' && next.code !== 'E_TEMPORARY') {
        gateway.context.events.emit('warning', { message: `request ${request.id}: ${next.message}` });
        return void (await stream.send({ event: 'problem', data: problemOf(next, request) }));
      }
      page = { ...page, entries: [], more: false };
    } else page = next as LogPage;
  }
}

function pause(over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      over.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, POLL_MS);
    over.addEventListener('abort', done, { once: true });
    if (over.aborted) done();
  });
}

type Query = Omit<(typeof logsQuery)['_output'], 'follow' | 'cursor'>;

function placesOf(taskId: number, { limit: _, ...filter }: Query): CursorOf<LogPlace> {
  return new CursorOf('logs', { taskId, ...filter }, isPlace);
}

function isPlace(value: unknown): value is LogPlace {
  const { attempt, byte, skip } = (value ?? {}) as Partial<LogPlace>;
  return [attempt, byte, skip].every((one) => Number.isSafeInteger(one) && (one as number) >= -1);
}

function optionsOf(task_id: number, { attempt, stream, since, grep, limit }: Query, place: LogPlace | undefined) {
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  // Plain text: an expression of a stranger could keep this process busy for ever.
  const pattern = grep === undefined ? undefined : { test: (text: string) => text.includes(grep) };
  return { task_id, attempt, stream, sinceMs, pattern, limit, place } satisfies LogPageOptions;
}

function wireEntry(entry: LogEntry) {
  if (entry.kind !== 'attempt' && entry.kind !== 'attempt_end') return { ...entry, task_id: String(entry.task_id) };
  const { ended_ms_ago: _, ...rest } = entry;
  return { ...rest, task_id: String(entry.task_id) };
}
