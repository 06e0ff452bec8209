// What operators do to tasks, one by one or many at once.

import { saidBy } from '../../core/access/actor.ts';
import { actOnMany } from '../../core/acts/act-on-many.ts';
import { type ActKind, actOnTask } from '../../core/acts/act-on-task.ts';
import { previewActs } from '../../core/acts/preview.ts';
import type { ErrorCode } from '../../core/domain/errors.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import {
  actAnswer,
  actsAnswer,
  actsBody,
  cancelBody,
  previewAnswer,
  previewBody,
  reassignBody,
  retryBody,
} from '../../http/act-contract.ts';
import { taskParams } from '../../http/task-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { bodyOrNone, caller, callerOf, envelope } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';
import { wireTask } from '../server/wire.ts';

const REFUSALS: ErrorCode[] = ['E_NOT_FOUND', 'E_CONFLICT'];

const ONE = {
  cancel: {
    operationId: 'cancelTask',
    problems: REFUSALS,
    summary: 'End a task for good.',
    description: 'Of a task that runs, its device is asked to end it: the answer has `revoking`.',
    body: cancelBody.prefault({}),
  },
  retry: {
    operationId: 'retryTask',
    problems: REFUSALS,
    summary: 'Run a task again, now, with a new retry budget.',
    body: retryBody.prefault({}),
  },
  reassign: {
    operationId: 'reassignTask',
    problems: REFUSALS,
    summary: 'Give a task to another device, or to any.',
    description: 'Of a task that runs, its device is asked to release it; no retry is used.',
    body: reassignBody.prefault({}),
  },
} as const;

export function taskActRoutes(app: App, gateway: Gateway): void {
  for (const act of Object.keys(ONE) as ActKind[]) {
    app.route({
      method: 'POST',
      url: `/api/v1/tasks/:task_id/${act}`,
      schema: { ...ONE[act], tags: ['tasks'], params: taskParams, response: { 200: actAnswer } },
      preValidation: bodyOrNone,
      serializerCompiler: plainJson,
      async handler(request) {
        const { expect, force, to, reason } = request.body as {
          reason?: string;
        } & (typeof ONE.reassign.body)['_output'];
        const by = callerOf(request, reason);
        const { task_id } = request.params;
        return gateway.requests.use(async (context) => {
          const acted = await actOnTask(context, task_id, { act, force, to, by }, expect);
          return { ...acted, task_id: String(task_id), by: saidBy(by), ...envelope(request, await context.now()) };
        });
      },
    });
  }

  app.route({
    method: 'POST',
    url: '/api/v1/tasks/preview',
    schema: {
      operationId: 'previewActs',
      summary: 'Show what an act on all tasks that fit a filter would concern; nothing changes.',
      description:
        'Without a `status`, the filter takes those to which the act applies. Tasks that are added later are not part of it.',
      tags: ['tasks'],
      body: previewBody,
      response: { 200: previewAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const preview = await gateway.requests.use((context) => previewActs(context, request.body));
      const { token, expires_at, total, sample, now } = preview;
      return { token, expires_at, total, sample: sample.map(wireTask), ...envelope(request, now) };
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/tasks/acts',
    schema: {
      operationId: 'actOnTasks',
      problems: ['E_CONFLICT'],
      summary: 'Act on the next chunk of the tasks that a preview has shown.',
      description:
        'Each task is changed in a transaction of its own, and only if it still fits. Call it again with `cursor` until that is null; after an error, with the same one.',
      tags: ['tasks'],
      body: actsBody,
      response: { 200: actsAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { token, cursor, limit, act, filter } = request.body;
      const of = { ...(act && { act }), ...(filter && { filter }) };
      return gateway.requests.use(async (context) => {
        const by = (reason?: string) => callerOf(request, reason);
        const chunk = await actOnMany(context, { token, cursor, limit, of, by });
        const results = chunk.results.map((one) => ({ ...one, task_id: String(one.task_id) }));
        return { ...chunk, results, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });
}
