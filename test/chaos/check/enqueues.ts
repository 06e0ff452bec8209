// Rules 1 and 2: what was acknowledged is there, and nothing is there that nobody asked for.
import { type Evidence, type Finding, type HistoryLine, taskEvents } from './evidence.ts';

/** Keys of tasks that a handler adds with its result: `child-<id of the parent>`. */
export const CHILD = /^child-(\d+)$/;

/** 1. Each acknowledged enqueue has its row, and keeps it. Unknown ones may be there: counted as recovered. */
export function nothingLost(evidence: Evidence): Finding {
  const violations: string[] = [];
  const born = new Map<number, string | null>();
  const gone = new Set<number>();
  const doneOnce = new Set<number>();
  const keys = new Set<string>();
  for (const one of taskEvents(evidence)) {
    if (one.was === undefined) born.set(one.task, one.key);
    if (one.was === undefined && one.key !== null) keys.add(one.key);
    if (one.now === undefined) gone.add(one.task);
    if (one.now?.status === 'done') doneOnce.add(one.task);
  }
  const acked = new Set<string>();
  const unknown = new Set<string>();
  for (const line of enqueues(evidence.history)) {
    const key = line.key ?? '';
    if (line.type === 'info') unknown.add(key);
    if (line.type !== 'ok') continue;
    acked.add(key);
    const id = line.task ?? 0;
    if (!born.has(id)) violations.push(`enqueue of "${key}" was acknowledged as task ${id}, which never was`);
    else if (born.get(id) !== key)
      violations.push(`task ${id} was acknowledged for "${key}" and carries "${born.get(id)}"`);
    else if (gone.has(id)) violations.push(`task ${id} ("${key}") was acknowledged and is gone`);
  }
  // What a handler adds with its result is in the transaction that accepts it: both, or neither.
  for (const line of evidence.history) {
    if (line.f !== 'parent' || line.task === undefined) continue;
    if (doneOnce.has(line.task) && !keys.has(`child-${line.task}`))
      violations.push(`task ${line.task} is done without the task that its handler added`);
  }
  const recovered = [...unknown].filter((key) => !acked.has(key) && keys.has(key)).length;
  return { violations, counts: { acknowledged: acked.size, unknown: unknown.size, recovered } };
}

/** 2. Each row was asked for, once per key; a handler's task belongs to a parent that is done. */
export function noPhantom(evidence: Evidence): Finding {
  const violations: string[] = [];
  const asked = new Set(enqueues(evidence.history).map((line) => line.key));
  const rows = new Map<string, number>();
  const done = new Map<number, number>();
  const events = taskEvents(evidence);
  for (const one of events) {
    if (one.now?.status === 'done' && !done.has(one.task)) done.set(one.task, one.n);
  }
  for (const { task, key, was, now } of events) {
    if (was !== undefined || now === undefined) continue;
    if (key === null) {
      violations.push(`task ${task} has no key: nobody enqueued it`);
      continue;
    }
    const twin = rows.get(key);
    if (twin !== undefined) violations.push(`"${key}" is there twice: tasks ${twin} and ${task}`);
    rows.set(key, task);
    const parent = CHILD.exec(key)?.[1];
    if (parent === undefined) {
      if (!asked.has(key)) violations.push(`task ${task} ("${key}") was never enqueued`);
    } else if (!done.has(Number(parent)))
      violations.push(`task ${task} ("${key}") is there, but its parent is not done`);
  }
  return { violations, counts: { rows: rows.size } };
}

function enqueues(history: HistoryLine[]): HistoryLine[] {
  return history.filter((line) => line.f === 'enqueue');
}
