// What each event means, in a sentence for an operator at three in the morning: what happened, and whether anything
// has to be done.
import type { AfdEventName, AfdEvents } from '../runtime/events.ts';

export interface EventLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  /** Fields for grep and programs; ids keep the names of the JSON contract. */
  fields: Record<string, unknown>;
}

type Describe = { [K in AfdEventName]: (data: AfdEvents[K]) => EventLine };

const debug = (message: string, fields: object = {}): EventLine => ({ level: 'debug', message, fields: { ...fields } });
const info = (message: string, fields: object = {}): EventLine => ({ level: 'info', message, fields: { ...fields } });
const warn = (message: string, fields: object = {}): EventLine => ({ level: 'warn', message, fields: { ...fields } });
const error = (message: string, fields: object = {}): EventLine => ({ level: 'error', message, fields: { ...fields } });
const many = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;

const OUTCOME: Record<AfdEvents['task:finished']['outcome'], string> = {
  done: 'is done',
  retry: 'failed',
  later: 'was deferred; no retry used',
  permanent: 'failed permanently',
  timeout: 'timed out',
  released: 'was released unfinished',
  cancelled: 'was cancelled',
};

function finished({ task_id, task_type, attempt, outcome, task_status, error_message }: AfdEvents['task:finished']) {
  const again = task_status === 'pending' && outcome !== 'released' ? ' and will be retried' : '';
  const over = outcome === 'retry' || outcome === 'timeout' ? ' and has no retries left' : '';
  const end = task_status === 'failed' ? over : again;
  const fields = { task_id, attempt, status: task_status, ...(error_message === undefined ? {} : { error_message }) };
  const line = outcome === 'done' || outcome === 'cancelled' || outcome === 'released' ? info : warn;
  return (task_status === 'failed' ? error : line)(`task ${task_id} (${task_type}) ${OUTCOME[outcome]}${end}`, fields);
}

const LOST: Record<string, string> = {
  replaced: 'another node took over',
  trust: 'no renewal of its lease was confirmed in time',
  resigned: 'it stepped down on request',
  silent: 'its main thread is blocked, so it cannot run the duties',
  stopped: 'it is stopping',
};

function leaderLost({ device_id, term, reason }: AfdEvents['leader:lost']) {
  const meant = reason === 'resigned' || reason === 'stopped';
  return (meant ? info : warn)(`${device_id} is no longer leader, term ${term}: ${LOST[reason] ?? reason}`, {
    term,
    reason,
  });
}

function blocked({ for_ms, tasks, known, gateway }: AfdEvents['main:blocked']) {
  if (gateway === true)
    return error(
      `the main thread of the gateway has been blocked for ${seconds(for_ms)} s: requests wait for it, and devices behind it turn to another gateway`,
      { for_ms: Math.round(for_ms) },
    );
  const named = tasks.map((one) => `task ${one.task_id} (${one.task_type}, attempt ${one.attempt})`).join(', ');
  const by = tasks.length === 0 ? 'no task is running' : known ? `by ${named}` : `by one of: ${named}`;
  const fields = { for_ms: Math.round(for_ms), tasks: tasks.map((one) => one.task_id) };
  return error(
    `the main thread has been blocked for ${seconds(for_ms)} s (${by}): tasks that have not started are released, and this node does not lead; await more often in the handler, or run it as a command (exec)`,
    known && tasks.length === 1 ? { ...fields, ...ids(tasks[0]!) } : fields,
  );
}

function back({ after_ms, released, gateway }: AfdEvents['main:back']) {
  const after = { after_ms: Math.round(after_ms) };
  if (gateway === true) return warn(`the gateway answers requests again after ${seconds(after_ms)} s`, after);
  const meanwhile = `${many(released, 'attempt')} released in the meantime`;
  return warn(`the main thread responds again after ${seconds(after_ms)} s; ${meanwhile}`, { ...after, released });
}

const who = ({ gateway }: { gateway?: boolean }): string =>
  gateway === true ? 'all gateways have been' : 'the database has been';

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

/** A rescue is none of them. */
const EVERYDAY = new Set(['publish-lanes', 'watch', 'figures', 'settings']);

function duty({ duty: name, counts }: AfdEvents['leader:duty']): EventLine {
  // Lanes that come and go, figures for display and a first leader's settings are everyday; a rescue is not.
  const everyday = EVERYDAY.has(name);
  const done = !everyday && Object.values(counts).some((count) => count !== 0);
  return (done ? info : debug)(`leader's ${name} ran`, counts);
}

const SENTENCES: Describe = {
  'worker:started': (d) =>
    info(`worker ${d.device_id} started: ${many(d.slots, 'slot')} for ${d.task_types.join(', ') || 'no task type'}`, {
      server: d.server,
    }),
  'worker:draining': (d) =>
    info(
      d.running === 0
        ? 'stopping: no task is running'
        : `stopping: waiting up to ${d.deadline_s} s for ${many(d.running, 'running task')}; a second signal releases them at once`,
      { running: d.running },
    ),
  'worker:stopped': (d) => info(`worker ${d.device_id} stopped: ${d.reason}`),
  'task:claimed': (d) => debug(`task ${d.task_id} (${d.task_type}) claimed, attempt ${d.attempt}`, d),
  'task:started': (d) => info(`task ${d.task_id} (${d.task_type}) started, attempt ${d.attempt}`, ids(d)),
  'task:finished': finished,
  'task:lost': (d) =>
    warn(`lost task ${d.task_id} (${d.reason}); its handler was stopped and its result will be rejected`, ids(d)),
  'work:troubled': (d) =>
    d.cause === undefined
      ? info('claims and results are accepted again')
      : error(`claims and results fail and will be retried; running tasks continue: ${d.cause}`),
  'task:set-aside': (d) =>
    error(
      d.failed
        ? `task ${d.task_id} was set to failed, because ${d.message}; correct its row, then run: afd tasks retry ${d.task_id}`
        : `task ${d.task_id} is ignored for 10 min, because ${d.message}; its row could not be updated: correct it manually`,
      { task_id: d.task_id },
    ),
  'task:stuck': (d) =>
    error(
      `task ${d.task_id} (${d.task_type}) ignores its abort signal and keeps its slot: make the handler obey ctx.signal`,
      ids(d),
    ),
  'device:registered': (d) => debug(`registered as ${d.device_id}`, { server: d.server }),
  'device:heartbeat': (d) => debug(`heartbeat of ${d.device_id}: ${d.status}`),
  'device:operator-state': (d) =>
    info(
      d.operator_state === 'active'
        ? `an operator set ${d.device_id} to active: it claims tasks`
        : `an operator set ${d.device_id} to ${d.operator_state}: it claims no more tasks`,
    ),
  'device:over-limits': (d) =>
    d.reasons.length === 0
      ? info(`${d.device_id} is below its resource limits again: it claims tasks`)
      : warn(
          `${d.device_id} is over its resource limits and claims no tasks: ${d.reasons.join('; ')}; running tasks continue`,
        ),
  'device:dead': (d) =>
    warn(
      `device ${d.device_id} is dead (${d.by === 'lock' ? 'its session lock was released' : 'its heartbeat is too old'}): ${many(d.tasks, 'task')} released to the fleet`,
      { dead_device_id: d.device_id, by: d.by, tasks: d.tasks },
    ),
  'database:awaited': (d) => warn(`waiting up to ${d.for_s} s for the database (--wait-database): ${d.message}`),
  'database:lost': (d) =>
    error(
      d.gateway === true
        ? `no gateway can be reached; reconnecting; running tasks continue, and their results are kept: ${d.message}`
        : `the database cannot be reached; reconnecting; running tasks continue, but no new tasks are claimed: ${d.message}`,
    ),
  'database:back': (d) =>
    info(
      `${d.gateway === true ? 'a gateway' : 'the database'} is reachable again after ${(d.after_ms / 1000).toFixed(1)} s${d.server === undefined ? '' : `, on ${d.server}`}`,
    ),
  'database:trust-over': (d) =>
    error(
      d.policy === 'stop'
        ? `${who(d)} unreachable for too long, so other devices may take the tasks of this one: running tasks are stopped`
        : `${who(d)} unreachable for too long, so other devices may take the tasks of this one: running tasks continue, and their results are accepted only if the tasks were not taken`,
    ),
  'settings:changed': (d) =>
    info(
      `applied fleet-wide settings: ${d.changes.map(({ key, from, to }) => `${key} is ${to} (was ${from})`).join(', ')}`,
    ),
  'ring:switched': (d) =>
    d.on
      ? info('a device answered a ring again: rings are enabled')
      : warn(
          'no device has answered a ring for 10 s: rings are disabled, and tasks start at the next poll; check whether UDP is blocked between the nodes',
        ),
  'leader:other': (d) =>
    info(`${d.leader ?? 'another node'} is leader${d.term === null ? '' : `, term ${d.term}`}: nothing to do`),
  'leader:gained': (d) => info(`${d.device_id} is now leader, term ${d.term}`, { term: d.term }),
  'leader:lost': leaderLost,
  'leader:duty': duty,
  'leader:duty-failed': (d) =>
    error(`leader's ${d.duty} failed and will be retried; other duties continue: ${d.message}`, { duty: d.duty }),
  'main:blocked': blocked,
  'main:back': back,
  'leader:duty-works': (d) =>
    info(`leader's ${d.duty} works again after ${(d.after_ms / 1000).toFixed(1)} s`, { duty: d.duty }),
  note: (d) => info(d.message),
  warning: (d) => warn(d.message),
};

export function describeEvent<K extends AfdEventName>(name: K, data: AfdEvents[AfdEventName]): EventLine {
  return SENTENCES[name](data as AfdEvents[K]);
}

function ids(data: { task_id: number; attempt: number }): Record<string, unknown> {
  return { task_id: data.task_id, attempt: data.attempt };
}
