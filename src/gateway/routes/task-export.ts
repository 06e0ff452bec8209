// Tasks as a file, however many: as fast as the client reads, and no faster.
import { PassThrough } from 'node:stream';
import { z } from 'zod';
import { AfdError } from '../../core/domain/errors.ts';
import { exportTasks } from '../../core/export/export-tasks.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { exportQuery } from '../../http/task-contract.ts';
import { ownerOnly } from '../protection/own-only.ts';
import { reader } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

/** Each holds some megabytes while it is written. */
const MOST_EXPORTS = 4;
/** Milliseconds that a client may read nothing. */
const UNREAD_MS = 60_000;
const TYPES = { csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson; charset=utf-8' };

export function taskExportRoutes(app: App, gateway: Gateway): void {
  let exports = 0;

  app.route({
    method: 'GET',
    url: '/api/v1/tasks/results/export',
    schema: {
      operationId: 'exportTasks',
      summary: 'Stream tasks with their results, oldest first, as JSON lines or CSV.',
      description:
        'As `afd tasks export`. If the connection ends without the end of the chunked body, the file is not complete.',
      tags: ['tasks'],
      querystring: exportQuery,
      response: {
        200: {
          description: 'A line for each task.',
          content: {
            'application/x-ndjson': {
              schema: z.string().meta({ examples: ['{"task_id":12345,"task_type":"sync_data"}\n'] }),
            },
            'text/csv': { schema: z.string().meta({ examples: ['task_id,task_type\n12345,sync_data\n'] }) },
          },
        },
      },
    },
    async handler(request, reply) {
      if (exports >= MOST_EXPORTS)
        throw new AfdError('E_TEMPORARY', `This gateway writes ${MOST_EXPORTS} exports already.`);
      exports += 1;
      const { format, ...filter } = request.query;
      const out = new Output();
      reply.raw.once('close', () => out.stream.destroy());
      const stop = AbortSignal.any([gateway.stopping, out.gone]);
      const part = gateway.lists.export(reader(request));
      const run = exportTasks(gateway.context, {
        filter,
        owner: ownerOnly(request),
        format,
        terminal: false,
        stop,
        lend: (read) => part(async (context) => read(await context.session())),
        write: (text) => out.write(text),
        onProgress: () => {},
      });
      const end = run
        .then(({ complete }) => (complete ? out.stream.end() : out.stream.destroy()))
        .finally(() => {
          exports -= 1;
        });
      // What fails before the first line is an answer with a problem; after it, the connection breaks off.
      await Promise.race([end, out.begun]);
      end.catch((error: Error) => {
        gateway.context.events.emit('warning', { message: `request ${request.id}: ${error.message}` });
        out.stream.destroy();
      });
      reply.header('content-disposition', `attachment; filename="tasks.${format}"`);
      return reply.type(TYPES[format]).send(out.stream as never);
    },
  });
}

class Output {
  readonly stream = new PassThrough({ highWaterMark: 64 * 1024 });
  /** Resolves when something was written. */
  readonly begun: Promise<void>;
  readonly #gone = new AbortController();
  #begin: () => void = () => {};

  constructor() {
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.stream.once('close', () => this.#gone.abort());
    this.stream.on('error', () => {});
  }

  /** Aborted when nobody reads any more. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when there is room for more; false = nobody reads any further. */
  async write(text: string): Promise<boolean> {
    this.#begin();
    if (this.#gone.signal.aborted) return false;
    if (text === '' || this.stream.write(text)) return true;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.stream.off('drain', done).off('close', done);
        resolve();
      };
      const timer = setTimeout(() => this.stream.destroy(), UNREAD_MS);
      this.stream.once('drain', done).once('close', done);
    });
    return !this.#gone.signal.aborted;
  }
}
