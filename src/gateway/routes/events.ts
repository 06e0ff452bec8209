// The stream of changes: one reader of the gateway for all of them.
import { z } from 'zod';
import type { NumberedChange } from '../../core/gateway/changes/change.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { type ChangeEvent, eventsHeaders, eventsQuery } from '../../http/events-contract.ts';
import type { App } from '../server/app-type.ts';
import { BroadcastStream, eventText } from '../server/broadcast-stream.ts';

/** Clients wait for this long before they come back, in milliseconds. */
const RETRY_MS = 2000;

const EXAMPLE = `retry: ${RETRY_MS}
id: host-1-gateway.9f3c2a71:41
event: ready
data: {"type":"ready","as_of":"2024-01-01T12:00:00.000Z"}

id: host-1-gateway.9f3c2a71:42
event: task.created
data: {"type":"task.created","as_of":"2024-01-01T12:00:01.000Z","task_id":"12345","task_type":"sync_data","status":"pending","parent_id":null,"created_at":"2024-01-01T12:00:00.512Z"}
`;

export function eventRoutes(app: App, gateway: Gateway): void {
  const { changes } = gateway;
  /** Each change is spelled once, however many listen. */
  const spelled = new WeakMap<NumberedChange, string>();
  const spell = (one: NumberedChange): string => {
    const known = spelled.get(one);
    if (known !== undefined) return known;
    const { type, ...rest } = one.change;
    const data = { type, as_of: one.as_of, ...rest } as ChangeEvent;
    const text = eventText({ id: changes.idOf(one.sequence), event: type, data });
    spelled.set(one, text);
    return text;
  };

  app.route({
    method: 'GET',
    url: '/api/v1/events',
    schema: {
      operationId: 'events',
      summary: 'A stream of changes: tasks, devices, the leader and the settings.',
      description: ABOUT,
      tags: ['events'],
      'x-event-data': { $ref: '#/components/schemas/ChangeEvent' },
      querystring: eventsQuery,
      headers: eventsHeaders,
      response: {
        200: {
          description: 'A stream of server-sent events; the `data` of each is a `ChangeEvent`.',
          content: { 'text/event-stream': { schema: z.string().meta({ examples: [EXAMPLE] }) } },
        },
      },
    },
    handler: async (request, reply) => {
      const { types, task_type, device_id, last_event_id } = request.query;
      const filter = { types: setOf(types), task_type: setOf(task_type), device_id: setOf(device_id) };
      let stream: BroadcastStream | undefined;
      /** What comes before the stream has begun. */
      let early = '';
      const listening = await changes.listen(filter, request.headers['last-event-id'] ?? last_event_id, {
        changes: (some) => {
          const text = some.map(spell).join('');
          if (stream === undefined) early += text;
          else stream.write(text);
        },
        beat: () => {
          // While the database is away, nobody can say; the stream has nothing to show either.
          const holds = app.identities?.holds(request).catch(() => true) ?? Promise.resolve(true);
          void holds.then((still) => (still ? stream?.beat() : stream?.end()));
        },
        end: () => stream?.end(),
      });
      const { position, as_of, missed, resync, close } = listening;
      const onStop = () => stream?.end();
      stream = new BroadcastStream(request, reply, () => {
        gateway.stopping.removeEventListener('abort', onStop);
        close();
      });
      gateway.stopping.addEventListener('abort', onStop, { once: true });
      const first: ChangeEvent =
        resync === undefined ? { type: 'ready', as_of } : { type: 'resync', as_of, reason: resync };
      // What is sent again has its own ids, so `ready` has its place behind it.
      const begin = missed.map(spell).join('') + eventText({ id: position, event: first.type, data: first });
      stream.write(`retry: ${RETRY_MS}\n${begin}${early}`);
    },
  });
}

const ABOUT =
  'Ids are `gateway:sequence`. A client that comes back with `Last-Event-ID` gets what it missed, if it comes back to the same gateway process within the last 10,000 changes and a minute; otherwise the first event is `resync`, and the client reads what it shows again. The gateway reads the database once a second for all streams together. So a status that lasts for less than a second may be missed; attempts of deferred claims appear with their end; of each type 200 changes a second are sent one by one, and the others as `overflow`; changes that another program makes to rows of tasks and attempts which exist are not sent. A comment comes every 15 seconds; the stream ends there when its key was revoked or its session has ended. A reader that is 1 MiB behind is cut.';

function setOf(some: string[] | undefined): Set<string> | undefined {
  return some === undefined || some.length === 0 ? undefined : new Set(some);
}
