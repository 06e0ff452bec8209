// Tasks, and what becomes of them.
import * as acts from '../act-contract.ts';
import * as logs from '../log-contract.ts';
import * as added from '../new-task-contract.ts';
import * as tasks from '../task-contract.ts';
import { operation } from './operation.ts';

export const TASK_OPERATIONS = {
  addTasks: operation({
    method: 'POST',
    path: '/api/v1/tasks',
    body: added.newTasksBody,
    answer: added.newTasksAnswer,
  }),
  listTasks: operation({
    method: 'GET',
    path: '/api/v1/tasks',
    query: tasks.tasksQuery,
    answer: tasks.tasksAnswer,
    rows: 'tasks',
  }),
  showTask: operation({
    method: 'GET',
    path: '/api/v1/tasks/{task_id}',
    params: tasks.taskParams,
    answer: tasks.taskAnswer,
  }),
  taskResult: operation({
    method: 'GET',
    path: '/api/v1/tasks/{task_id}/result',
    params: tasks.taskParams,
    query: tasks.resultQuery,
    answer: tasks.resultAnswer,
  }),
  waitForTask: operation({
    method: 'GET',
    path: '/api/v1/tasks/{task_id}/wait',
    params: tasks.taskParams,
    query: tasks.waitQuery,
    answer: tasks.waitAnswer,
  }),
  taskLogs: operation({
    method: 'GET',
    path: '/api/v1/tasks/{task_id}/logs',
    params: tasks.taskParams,
    query: logs.logsQuery,
    answer: logs.logsAnswer,
  }),
  exportTasks: operation({
    method: 'GET',
    path: '/api/v1/tasks/results/export',
    query: tasks.exportQuery,
    answers: 'text',
  }),
  cancelTask: operation({
    method: 'POST',
    path: '/api/v1/tasks/{task_id}/cancel',
    params: tasks.taskParams,
    body: acts.cancelBody.prefault({}),
    answer: acts.actAnswer,
  }),
  retryTask: operation({
    method: 'POST',
    path: '/api/v1/tasks/{task_id}/retry',
    params: tasks.taskParams,
    body: acts.retryBody.prefault({}),
    answer: acts.actAnswer,
  }),
  reassignTask: operation({
    method: 'POST',
    path: '/api/v1/tasks/{task_id}/reassign',
    params: tasks.taskParams,
    body: acts.reassignBody.prefault({}),
    answer: acts.actAnswer,
  }),
  previewActs: operation({
    method: 'POST',
    path: '/api/v1/tasks/preview',
    body: acts.previewBody,
    answer: acts.previewAnswer,
    repeatable: true,
  }),
  actOnTasks: operation({ method: 'POST', path: '/api/v1/tasks/acts', body: acts.actsBody, answer: acts.actsAnswer }),
};
