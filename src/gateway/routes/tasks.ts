// Adding and reading tasks.
import type { Gateway } from '../../core/gateway/gateway.ts';
import type { Keep } from '../../core/gateway/idempotency.ts';
import type { RequestContext } from '../../core/gateway/requests/request-contexts.ts';
import { hasEnded } from '../../core/gateway/task-watch.ts';
import { monotonic } from '../../core/runtime/clock.ts';
import { searchTasks, type TaskSearch } from '../../core/search/search-tasks.ts';
import { viewedTask } from '../../core/search/viewed-task.ts';
import { type AddedTasks, type AddTasksOptions, addTasks } from '../../core/tasks/add-tasks.ts';
import { storedResult } from '../../core/tasks/tasks.ts';
import { newTasksAnswer, newTasksBody } from '../../http/new-task-contract.ts';
import { accessOf } from '../../http/operations/access.ts';
import {
  resultAnswer,
  resultQuery,
  taskAnswer,
  taskParams,
  tasksAnswer,
  tasksQuery,
  waitAnswer,
  waitQuery,
} from '../../http/task-contract.ts';
import { closedSignal } from '../hooks/closed-signal.ts';
import { onceByKey } from '../hooks/idempotency-key.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { cannot } from '../protection/authenticate.ts';
import { TASKS_BODY_LIMIT } from '../protection/limits.ts';
import { ownerOnly } from '../protection/own-only.ts';
import { callerOf, cursorFrom, cursorWithin, envelope, reader, sharedEnvelope, tagged } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';
import { givenTasks } from '../server/given-tasks.ts';
import { wireTask } from '../server/wire.ts';

const ERROR_CHARACTERS = 500;

export function taskRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/tasks',
    bodyLimit: TASKS_BODY_LIMIT,
    schema: {
      operationId: 'addTasks',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Add tasks: all of them, or none.',
      description:
        'A task whose `dedupe_key` another task has is not added again; the answer names the task that is there. With an `Idempotency-Key` a repeated request adds nothing. Tasks can be added to a batch: a task that was there before stays in its own, or in none.',
      tags: ['tasks'],
      body: newTasksBody,
      response: { 201: newTasksAnswer, 200: newTasksAnswer.meta({ description: 'All of them were there before.' }) },
    },
    // Core says what is wrong with each task, in words.
    validatorCompiler: () => (value) => ({ value }),
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { tasks: given, into } = givenTasks(request.body);
      const batch = into && { into, by: callerOf(request) };
      const owner = ownerOnly(request);
      const add = (keep: Keep<{ added: AddedTasks; now: string }> | undefined) =>
        gateway.requests.use(async (context) => {
          const now = await context.now();
          const also: AddTasksOptions['also'] = keep && ((session, added) => keep(session, { added, now }));
          return { added: await addTasks(context, given, { batch, owner, also }), now };
        });
      const { added, now } = await onceByKey(gateway, request, reply, add);
      const made = into !== undefined && 'name' in into;
      reply.code(made || added.tasks.some((one) => one.created) ? 201 : 200);
      const batch_id = added.batch_id === null ? null : String(added.batch_id);
      const tasks = added.tasks.map(({ task_id, created }) => ({ task_id: String(task_id), created }));
      return { tasks, batch_id, warnings: added.warnings, ...envelope(request, now) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/tasks',
    schema: {
      operationId: 'listTasks',
      summary: 'List tasks, newest first.',
      description:
        'A page is a bounded read: if few tasks of a big table fit, it ends before it is full, says so in `searched_to`, and `cursor` continues the search.',
      tags: ['tasks'],
      querystring: tasksQuery,
      response: { 200: tasksAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { limit, cursor, status, ...rest } = request.query;
      const owner = ownerOnly(request);
      const some = status === undefined ? {} : { status: statusesOf(status) };
      const search: TaskSearch = { ...rest, ...some, ...(owner && { owner }) };
      const paging = { cursor: cursorWithin(cursor), limit };
      const read = (context: RequestContext) => searchTasks(context, search, paging);
      const { value: page, replica } = await gateway.lists.use(reader(request, cursor), read);
      const { tasks, total, searched_to, now } = page;
      const searched = searched_to === null ? null : String(searched_to);
      const data = {
        tasks: tasks.map(wireTask),
        total,
        cursor: cursorFrom(page.cursor, replica),
        searched_to: searched,
      };
      return tagged(request, reply, data, envelope(request, now, replica)) as never;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/tasks/:task_id',
    schema: {
      operationId: 'showTask',
      problems: ['E_NOT_FOUND'],
      summary: 'Show a task with its attempts, what it has reported, and why it waits.',
      tags: ['tasks'],
      params: taskParams,
      response: { 200: taskAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const refused = cannot(request, accessOf('listAudit'));
      const hidden = refused === undefined ? undefined : `${refused} read the audit log`;
      const { task_id } = request.params;
      const devices = cannot(request, accessOf('listDevices')) === undefined;
      const { task, now } = await gateway.requests.use((context) => viewedTask(context, task_id, hidden, devices));
      const attempts = task.attempts.map(({ assignment_id, ...one }) => ({
        assignment_id: String(assignment_id),
        ...one,
      }));
      const waiting = task.waiting && {
        why: task.waiting.why,
        devices: task.waiting.devices.map(({ device_id, reasons, score }) => ({ device_id, reasons, score })),
      };
      const acts = task.acts?.map(({ id, ...one }) => ({ id: String(id), ...one })) ?? null;
      return { task: { ...wireTask(task), attempts, waiting, acts } as never, ...envelope(request, now) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/tasks/:task_id/result',
    schema: {
      operationId: 'taskResult',
      problems: ['E_NOT_FOUND'],
      summary: 'Read what the last completed attempt returned.',
      tags: ['tasks'],
      params: taskParams,
      querystring: resultQuery,
      response: { 200: resultAnswer },
    },
    async handler(request, reply) {
      const { task_id } = request.params;
      const { found, now } = await gateway.requests.use(async (context) => ({
        found: await storedResult(context, task_id, request.query.attempt),
        now: await context.now(),
      }));
      const { attempt, result } = found;
      const rest = JSON.stringify({ task_id: String(task_id), attempt, ...envelope(request, now) });
      // Not decoded on the way, so that no number loses digits.
      const text = `${rest.slice(0, -1)},"result":${result}}`;
      return reply
        .type('application/json; charset=utf-8')
        .serializer(String)
        .send(text as never);
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/tasks/:task_id/wait',
    schema: {
      operationId: 'waitForTask',
      problems: ['E_NOT_FOUND'],
      summary: 'Wait until a task has ended.',
      tags: ['tasks'],
      params: taskParams,
      querystring: waitQuery,
      response: { 200: waitAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { task_id: taskId } = request.params;
      const signal = closedSignal(reply);
      const task = await gateway.taskWatch.wait({ taskId, forMs: request.query.seconds * 1000, signal });
      const { state, now, at } = task;
      const { status, attempt, finished_at, last_error: error } = state;
      const long = error !== null && error.length > ERROR_CHARACTERS;
      return {
        task_id: String(taskId),
        status,
        attempt,
        ended: hasEnded(state),
        last_error: long ? error.slice(0, ERROR_CHARACTERS) : error,
        finished_at,
        truncated: long ? ['last_error'] : [],
        ...sharedEnvelope(request, { value: { now }, age_ms: monotonic() - at }),
      };
    },
  });
}

export function statusesOf(list: string): NonNullable<TaskSearch['status']> {
  return [...new Set(list.split(','))] as NonNullable<TaskSearch['status']>;
}
