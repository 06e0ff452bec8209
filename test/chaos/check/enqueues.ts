// Rules 1 to 3: what was acknowledged is there, nothing is there that nobody asked for, and nothing is completed twice.
import { type Evidence, type HistoryLine, type Rule, taskEvents } from './evidence.ts';

/** Keys of tasks that a handler adds with its result: `child-<id of the parent>`. */
const CHILD = /^child-(\d+)$/;

/** 1. Each acknowledged enqueue has its row, and keeps it. Unknown ones may be there: counted as recovered. */
export const nothingLost: Rule = (evidence, wrong) => {
  const events = taskEvents(evidence);
  const born = new Map(events.filter((one) => one.was === undefined).map((one) => [one.task, one.key]));
  const gone = new Set(events.filter((one) => one.now === undefined).map((one) => one.task));
  const done = new Set(events.filter((one) => one.now?.status === 'done').map((one) => one.task));
  const keys = new Set(born.values());
  const acked = new Set<string>();
  const unknown = new Set<string>();
  for (const { type, key = '', task: id = 0 } of enqueues(evidence)) {
    if (type === 'info') unknown.add(key);
    if (type !== 'ok') continue;
    acked.add(key);
    if (!born.has(id)) wrong(`enqueue of "${key}" was acknowledged as task ${id}, which never was`);
    else if (born.get(id) !== key) wrong(`task ${id} was acknowledged for "${key}" and carries "${born.get(id)}"`);
    else if (gone.has(id)) wrong(`task ${id} ("${key}") was acknowledged and is gone`);
  }
  // What a handler adds with its result is in the transaction that accepts it: both, or neither.
  for (const { f, task } of evidence.history) {
    if (f === 'parent' && task !== undefined && done.has(task) && !keys.has(`child-${task}`))
      wrong(`task ${task} is done without the task that its handler added`);
  }
  const recovered = [...unknown].filter((key) => !acked.has(key) && keys.has(key)).length;
  return { acknowledged: acked.size, unknown: unknown.size, recovered };
};

/** 2. Each row was asked for, once per key; a handler's task belongs to a parent that is done. */
export const noPhantom: Rule = (evidence, wrong) => {
  const asked = new Set(enqueues(evidence).map((line) => line.key));
  const rows = new Map<string, number>();
  const events = taskEvents(evidence);
  const done = new Set(events.filter((one) => one.now?.status === 'done').map((one) => one.task));
  for (const { task, key, was, now } of events) {
    if (was !== undefined || now === undefined) continue;
    if (key === null) {
      wrong(`task ${task} has no key: nobody enqueued it`);
      continue;
    }
    if (rows.has(key)) wrong(`"${key}" is there twice: tasks ${rows.get(key)} and ${task}`);
    rows.set(key, task);
    const parent = CHILD.exec(key)?.[1];
    if (parent === undefined && !asked.has(key)) wrong(`task ${task} ("${key}") was never enqueued`);
    if (parent !== undefined && !done.has(Number(parent)))
      wrong(`task ${task} ("${key}") is there, but its parent is not done`);
  }
  return { rows: rows.size };
};

function enqueues({ history }: Evidence): HistoryLine[] {
  return history.filter((line) => line.f === 'enqueue');
}

/** 3. At most one accepted completion per task and per attempt, and each that a worker got confirmed is there. */
export const oneCompletion: Rule = (evidence, wrong) => {
  const open = new Map<number, number>();
  const completed = new Set<string>();
  const counts = { completions: 0, told: 0 };
  for (const { task, was, now } of taskEvents(evidence)) {
    if (now?.status !== 'done') {
      open.delete(task);
      continue;
    }
    counts.completions += 1;
    const { attempt } = now;
    const name = `${task}/${attempt}`;
    if (open.has(task)) wrong(`task ${task} was completed again (attempt ${attempt}) after attempt ${open.get(task)}`);
    if (completed.has(name)) wrong(`attempt ${attempt} of task ${task} was completed twice`);
    if (was !== undefined && was.attempt !== attempt)
      wrong(`the completion of task ${task} changed its attempt from ${was.attempt} to ${attempt}`);
    completed.add(name);
    open.set(task, attempt);
  }
  for (const { f, type, outcome, proc, task, attempt } of evidence.history) {
    if (f !== 'complete' || type !== 'ok' || outcome !== 'done') continue;
    counts.told += 1;
    if (!completed.has(`${task}/${attempt}`))
      wrong(`${proc} got the confirmation that attempt ${attempt} of task ${task} is complete; it is not`);
  }
  return counts;
};
