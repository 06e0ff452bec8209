// Rule 3: at most one accepted completion per task and per attempt, and each that a worker got confirmed is there.
import { type Evidence, type Finding, taskEvents } from './evidence.ts';

export function oneCompletion(evidence: Evidence): Finding {
  const violations: string[] = [];
  const open = new Map<number, number>();
  const perAttempt = new Set<string>();
  let completions = 0;
  for (const { task, was, now } of taskEvents(evidence)) {
    if (now?.status !== 'done') {
      open.delete(task);
      continue;
    }
    completions += 1;
    const before = open.get(task);
    if (before !== undefined)
      violations.push(`task ${task} was completed again (attempt ${now.attempt}) after attempt ${before}`);
    const name = `${task}/${now.attempt}`;
    if (perAttempt.has(name)) violations.push(`attempt ${now.attempt} of task ${task} was completed twice`);
    if (was !== undefined && was.attempt !== now.attempt)
      violations.push(`the completion of task ${task} changed its attempt from ${was.attempt} to ${now.attempt}`);
    perAttempt.add(name);
    open.set(task, now.attempt);
  }
  let told = 0;
  for (const line of evidence.history) {
    if (line.f !== 'complete' || line.type !== 'ok' || line.outcome !== 'done') continue;
    told += 1;
    if (!perAttempt.has(`${line.task}/${line.attempt}`))
      violations.push(
        `${line.proc} got the confirmation that attempt ${line.attempt} of task ${line.task} is complete; it is not`,
      );
  }
  return { violations, counts: { completions, told } };
}
