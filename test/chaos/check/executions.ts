// Rule 10: what really ran, by those who ran it, against what the database recorded.
import {
  assignmentEvents,
  byTask,
  type Evidence,
  type Execution,
  type Finding,
  isClaim,
  isEnd,
  taskEvents,
} from './evidence.ts';

export function executionsExplained(evidence: Evidence): Finding {
  const violations: string[] = [];
  const counts: Record<string, number> = { executions: 0, repeated: 0, overlapping: 0 };
  const claims = new Map<string, string>();
  for (const one of taskEvents(evidence)) {
    if (isClaim(one)) claims.set(`${one.task}/${one.now?.attempt}`, one.now?.token ?? '');
  }
  const ends = new Map<string, { how: string; cause: string | null }>();
  for (const one of assignmentEvents(evidence)) {
    if (isEnd(one)) ends.set(`${one.task}/${one.attempt}`, { how: one.now ?? '', cause: one.cause });
  }
  for (const name of evidence.drained ? claims.keys() : []) {
    if (!ends.has(name))
      violations.push(`attempt ${name.split('/')[1]} of task ${name.split('/')[0]} has no recorded end`);
  }
  for (const [task, lines] of byTask(evidence.ledger)) {
    const begun = new Map<number, Execution>();
    for (const one of lines) {
      if (one.what !== 'begin') continue;
      counts.executions = (counts.executions ?? 0) + 1;
      const token = claims.get(`${task}/${one.attempt}`);
      const name = `attempt ${one.attempt} of task ${task}`;
      if (token === undefined) violations.push(`${name} ran on ${one.device}, but nobody claimed it`);
      else if (one.token !== undefined && one.token !== token)
        violations.push(`${name} ran under token ${one.token}; the claim's is ${token}`);
      if (begun.has(one.attempt)) violations.push(`${name} ran twice`);
      begun.set(one.attempt, one);
    }
    const order = [...begun.keys()].sort((a, b) => a - b);
    for (const attempt of order.slice(0, -1)) {
      counts.repeated = (counts.repeated ?? 0) + 1;
      const end = ends.get(`${task}/${attempt}`);
      // A cause, or the error that the attempt itself reported; `completed` is repeated only by an operator's --force.
      if (end === undefined)
        violations.push(`task ${task} ran again after attempt ${attempt}, of which nothing is recorded`);
      else {
        const why = `${end.how}${end.cause === null ? '' : `: ${end.cause}`}`;
        counts[why] = (counts[why] ?? 0) + 1;
        if (end.cause === null && (end.how === 'lost' || end.how === 'released'))
          violations.push(`task ${task} ran again after attempt ${attempt} was ${end.how} without a cause`);
      }
    }
    violations.push(...overlaps(task, lines, order, ends, counts));
  }
  return { violations, counts };
}

/** Two copies at one time are allowed only where the first was taken from a holder that could not be asked. */
function overlaps(
  task: number,
  lines: Execution[],
  order: number[],
  ends: Map<string, { how: string; cause: string | null }>,
  counts: Record<string, number>,
): string[] {
  const found: string[] = [];
  const time = (attempt: number, what: Execution['what']) => {
    const line = lines.find((one) => one.attempt === attempt && one.what === what);
    return line === undefined ? undefined : BigInt(line.mono_ns);
  };
  for (const [n, attempt] of order.entries()) {
    const next = order[n + 1];
    const end = time(attempt, 'end') ?? time(attempt, 'abort');
    const begin = next === undefined ? undefined : time(next, 'begin');
    if (end === undefined || begin === undefined || begin >= end) continue;
    counts.overlapping = (counts.overlapping ?? 0) + 1;
    const record = ends.get(`${task}/${attempt}`);
    const taken =
      record?.how === 'lost' ||
      record?.how === 'timeout' ||
      record?.cause === 'operator' ||
      record?.cause === 'revoked';
    if (!taken)
      found.push(`attempts ${attempt} and ${next} of task ${task} ran at one time; the first was ${record?.how}`);
  }
  return found;
}
