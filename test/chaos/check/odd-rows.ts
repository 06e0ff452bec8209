// Rule 15: a row as no afd writes it ends, done or put aside, once and alone.
import { type Evidence, type Finding, taskEvents } from './evidence.ts';

/** Keys of the rows that the storm's stranger inserts. */
const ODD = /^odd-/;
const ENDED = new Set(['done', 'failed', 'cancelled']);

export function oddRowsEnd(evidence: Evidence): Finding {
  const violations: string[] = [];
  const counts: Record<string, number> = { odd: 0, 'put aside': 0 };
  const odd = oddTasks(evidence);
  const last = new Map<number, string | undefined>();
  const completions = new Map<number, number>();
  for (const { task, was, now, key } of taskEvents(evidence)) {
    // Nobody held it: the server refused its claim, and it was put aside for that.
    const aside = was !== undefined && ['pending', 'assigned'].includes(was.status) && now?.status === 'failed';
    if (aside) counts['put aside'] = (counts['put aside'] ?? 0) + 1;
    if (aside && !odd.has(task)) violations.push(`task ${task} ("${key}") was put aside, and nothing about it is odd`);
    if (!odd.has(task)) continue;
    last.set(task, now?.status);
    if (now?.status === 'done' && was?.status !== 'done') completions.set(task, (completions.get(task) ?? 0) + 1);
  }
  for (const [task, status = 'deleted'] of last) {
    counts.odd = (counts.odd ?? 0) + 1;
    counts[status] = (counts[status] ?? 0) + 1;
    if (!ENDED.has(status)) violations.push(`odd task ${task} is ${status} after everything was healed`);
    const times = completions.get(task) ?? 0;
    if (times > 1) violations.push(`odd task ${task} was completed ${times} times`);
  }
  return { violations, counts };
}

/** Their numbers mean nothing: the rules about numbers, records and moves judge the others, which must not notice them. */
export function withoutOddRows(evidence: Evidence): Evidence {
  const odd = oddTasks(evidence);
  if (odd.size === 0) return evidence;
  const events = evidence.events.filter((one) => !('task' in one) || !odd.has(one.task));
  const ledger = evidence.ledger.filter((one) => !odd.has(one.task));
  const history = evidence.history.filter((one) => one.task === undefined || !odd.has(one.task));
  return { ...evidence, events, ledger, history };
}

function oddTasks(evidence: Evidence): Set<number> {
  return new Set(taskEvents(evidence).flatMap(({ task, key }) => (key !== null && ODD.test(key) ? [task] : [])));
}
