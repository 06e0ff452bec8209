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
  later: 'is put off without spending an attempt',
  permanent: 'failed for good',
  timeout: 'ran into its timeout',
  released: 'was given back unfinished',
  cancelled: 'was cancelled',
};

function finished({ task_id, task_type, attempt, outcome, task_status, error_message }: AfdEvents['task:finished']) {
  const again = task_status === 'pending' && outcome !== 'released' ? ' and will be tried again' : '';
  const over = outcome === 'retry' || outcome === 'timeout' ? ' and has no retries left' : '';
  const end = task_status === 'failed' ? over : again;
  const fields = { task_id, attempt, status: task_status, ...(error_message === undefined ? {} : { error_message }) };
  const line = outcome === 'done' || outcome === 'cancelled' || outcome === 'released' ? info : warn;
  return (task_status === 'failed' ? error : line)(`task ${task_id} (${task_type}) ${OUTCOME[outcome]}${end}`, fields);
}

const LOST: Record<string, string> = {
  replaced: 'another node has taken over',
  trust: 'no renewal of its lease was confirmed in time',
  resigned: 'it gave way, as it was asked to',
  silent: 'its main thread is blocked, so it cannot do the duties',
  stopped: 'it stops',
};

function leaderLost({ device_id, term, reason }: AfdEvents['leader:lost']) {
  const meant = reason === 'resigned' || reason === 'stopped';
  return (meant ? info : warn)(`${device_id} no longer leads, term ${term}: ${LOST[reason] ?? reason}`, {
    term,
    reason,
  });
}

function blocked({ for_ms, tasks, known }: AfdEvents['main:blocked']) {
  const named = tasks.map((one) => `task ${one.task_id} (${one.task_type}, attempt ${one.attempt})`).join(', ');
  const by = tasks.length === 0 ? 'no task runs' : known ? `by ${named}` : `by one of: ${named}`;
  const fields = { for_ms: Math.round(for_ms), tasks: tasks.map((one) => one.task_id) };
  return error(
    `the main thread has been blocked for ${seconds(for_ms)} s (${by}): what has not begun is given back, and this node does not lead; make the handler await, or work in a process of its own (exec)`,
    known && tasks.length === 1 ? { ...fields, ...ids(tasks[0]!) } : fields,
  );
}

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
        ? 'stopping: nothing is running'
        : `stopping: waiting up to ${d.deadline_s} s for ${many(d.running, 'running task')}; a second signal gives them back at once`,
      { running: d.running },
    ),
  'worker:stopped': (d) => info(`worker ${d.device_id} stopped: ${d.reason}`),
  'task:claimed': (d) => debug(`task ${d.task_id} (${d.task_type}) claimed, attempt ${d.attempt}`, d),
  'task:started': (d) => info(`task ${d.task_id} (${d.task_type}) started, attempt ${d.attempt}`, ids(d)),
  'task:finished': finished,
  'task:lost': (d) =>
    warn(
      `task ${d.task_id} is no longer ours and its handler is stopped: ${d.reason}; nothing it wrote counts`,
      ids(d),
    ),
  'work:troubled': (d) =>
    d.cause === undefined
      ? info('claims and results go through again')
      : error(`claims and results do not go through and are tried again; running tasks go on: ${d.cause}`),
  'task:set-aside': (d) =>
    error(
      d.failed
        ? `task ${d.task_id} was set to failed, because ${d.message}; correct its row, then: afd tasks retry ${d.task_id}`
        : `task ${d.task_id} is left alone for 10 min, because ${d.message}; its row cannot be changed either: correct it by hand`,
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
        ? `an operator set ${d.device_id} to active: claiming tasks`
        : `an operator set ${d.device_id} to ${d.operator_state}: no further tasks are claimed`,
    ),
  'device:over-limits': (d) =>
    d.reasons.length === 0
      ? info(`${d.device_id} is below its gates again: claiming tasks`)
      : warn(`${d.device_id} claims no further tasks for now: ${d.reasons.join('; ')}; what runs goes on`),
  'device:dead': (d) =>
    warn(
      `device ${d.device_id} is dead (${d.by === 'lock' ? 'its session lock is free' : 'its heartbeat is too old'}): ${many(d.tasks, 'task')} given back to the fleet`,
      { dead_device_id: d.device_id, by: d.by, tasks: d.tasks },
    ),
  'database:awaited': (d) => warn(`waiting up to ${d.for_s} s for the database (--wait-database): ${d.message}`),
  'database:lost': (d) =>
    error(`the database cannot be reached; running tasks go on, nothing new is claimed, reconnecting: ${d.message}`),
  'database:back': (d) =>
    info(
      `the database is back after ${(d.after_ms / 1000).toFixed(1)} s${d.server === undefined ? '' : `, on ${d.server}`}`,
    ),
  'database:patience-over': (d) =>
    error(
      d.policy === 'stop'
        ? 'the database has been away so long that others may take our tasks: running tasks are stopped'
        : 'the database has been away so long that others may take our tasks: they run on and are delivered if they are still ours',
    ),
  'settings:changed': (d) =>
    info(
      `obeying the fleet's settings: ${d.changes.map(({ key, from, to }) => `${key} is ${to} (it was ${from})`).join(', ')}`,
    ),
  'ring:switched': (d) =>
    d.on
      ? info('a device answered a ring again: rings are on')
      : warn(
          'no device has answered a ring for 10 s: the ring is off and tasks wait for a poll; is UDP blocked between the nodes?',
        ),
  'leader:other': (d) =>
    info(`${d.leader ?? 'another node'} leads${d.term === null ? '' : `, term ${d.term}`}: nothing to do here`),
  'leader:gained': (d) => info(`${d.device_id} leads the fleet now, term ${d.term}`, { term: d.term }),
  'leader:lost': leaderLost,
  'leader:duty': duty,
  'leader:duty-failed': (d) =>
    error(`leader's ${d.duty} failed and will be tried again, other duties go on: ${d.message}`, { duty: d.duty }),
  'main:blocked': blocked,
  'main:back': (d) =>
    warn(
      `the main thread works again after ${seconds(d.after_ms)} s; ${many(d.released, 'attempt')} given back to the fleet meanwhile`,
      { after_ms: Math.round(d.after_ms), released: d.released },
    ),
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
