// Rule 15: a row as no afd writes it ends, done or put aside, once and alone.
import { type Counts, count, type Evidence, lastStatus, type Rule, taskEvents } from './evidence.ts';

/** Keys of the rows that the storm's stranger inserts. */
const ODD = /^odd-/;

export const oddRowsEnd: Rule = (evidence, wrong) => {
  const counts: Counts = { odd: 0, 'put aside': 0 };
  const odd = oddTasks(evidence);
  const completions = new Map<number, number>();
  for (const { task, was, now, key } of taskEvents(evidence)) {
    // Nobody held it: the server refused its claim, and it was put aside for that.
    if (was !== undefined && ['pending', 'assigned'].includes(was.status) && now?.status === 'failed') {
      count(counts, 'put aside');
      if (!odd.has(task)) wrong(`task ${task} ("${key}") was put aside, and nothing about it is odd`);
    }
    if (now?.status === 'done' && was?.status !== 'done') completions.set(task, (completions.get(task) ?? 0) + 1);
  }
  for (const [task, status] of lastStatus(evidence)) {
    if (!odd.has(task)) continue;
    count(counts, 'odd');
    count(counts, status);
    if (!['done', 'failed', 'cancelled'].includes(status))
      wrong(`odd task ${task} is ${status} after everything was healed`);
    const times = completions.get(task) ?? 0;
    if (times > 1) wrong(`odd task ${task} was completed ${times} times`);
  }
  return counts;
};

/** Their numbers mean nothing: the rules about numbers, records and moves judge the others, which must not notice them. */
export function withoutOddRows(evidence: Evidence): Evidence {
  const odd = oddTasks(evidence);
  if (odd.size === 0) return evidence;
  const fine = (one: { task?: number | undefined }) => one.task === undefined || !odd.has(one.task);
  const { events, ledger, history } = evidence;
  return {
    ...evidence,
    events: events.filter((one) => !('task' in one) || fine(one)),
    ledger: ledger.filter(fine),
    history: history.filter(fine),
  };
}

function oddTasks(evidence: Evidence): Set<number> {
  return new Set(taskEvents(evidence).flatMap(({ task, key }) => (key !== null && ODD.test(key) ? [task] : [])));
}
