// Rules 10 and 13: what really ran, by those who ran it, against what the database recorded.
import {
  type AssignmentEvent,
  assignmentEvents,
  byTask,
  type Counts,
  count,
  type Execution,
  endsOf,
  isClaim,
  isEnd,
  type Rule,
  taskEvents,
} from './evidence.ts';

/** 10. */
export const executionsExplained: Rule = (evidence, wrong) => {
  const counts: Counts = { executions: 0, repeated: 0, overlapping: 0 };
  const claims = new Map(
    taskEvents(evidence)
      .filter(isClaim)
      .map((one) => [`${one.task}/${one.now?.attempt}`, one.now?.token ?? '']),
  );
  const ends = endsOf(evidence);
  for (const name of evidence.drained ? claims.keys() : []) {
    const [task, attempt] = name.split('/');
    if (!ends.has(name)) wrong(`attempt ${attempt} of task ${task} has no recorded end`);
  }
  for (const [task, lines] of byTask(evidence.ledger)) {
    const begun = new Set<number>();
    for (const one of lines) {
      if (one.what !== 'begin') continue;
      count(counts, 'executions');
      const token = claims.get(`${task}/${one.attempt}`);
      const name = `attempt ${one.attempt} of task ${task}`;
      if (token === undefined) wrong(`${name} ran on ${one.device}, but nobody claimed it`);
      else if (one.token !== undefined && one.token !== token)
        wrong(`${name} ran under token ${one.token}; the claim's is ${token}`);
      if (begun.has(one.attempt)) wrong(`${name} ran twice`);
      begun.add(one.attempt);
    }
    const order = [...begun].sort((a, b) => a - b);
    for (const [n, attempt] of order.slice(0, -1).entries()) {
      count(counts, 'repeated');
      const end = ends.get(`${task}/${attempt}`);
      // A cause, or the error that the attempt itself reported; `completed` is repeated only by an operator's --force.
      if (end === undefined) wrong(`task ${task} ran again after attempt ${attempt}, of which nothing is recorded`);
      else {
        count(counts, end.cause === null ? end.now! : `${end.now}: ${end.cause}`);
        if (end.cause === null && (end.now === 'lost' || end.now === 'released'))
          wrong(`task ${task} ran again after attempt ${attempt} was ${end.now} without a cause`);
      }
      const next = order[n + 1]!;
      if (!overlap(lines, attempt, next)) continue;
      count(counts, 'overlapping');
      if (!wasTaken(end))
        wrong(`attempts ${attempt} and ${next} of task ${task} ran at one time; the first was ${end?.now}`);
    }
  }
  return counts;
};

function overlap(lines: Execution[], attempt: number, next: number): boolean {
  const time = (of: number, what: Execution['what']) => {
    const line = lines.find((one) => one.attempt === of && one.what === what);
    return line && BigInt(line.mono_ns);
  };
  const end = time(attempt, 'end') ?? time(attempt, 'abort');
  return end !== undefined && time(next, 'begin')! < end;
}

/** Two copies at one time are allowed only where the first was taken from a holder that could not be asked. */
function wasTaken(end: AssignmentEvent | undefined): boolean {
  return ['lost', 'timeout'].includes(end?.now ?? '') || ['operator', 'revoked'].includes(end?.cause ?? '');
}

/** 13. What ends as `timeout` or `failed` was tried: nobody may say so of an attempt whose handler never began. */
export const triedBeforeBlamed: Rule = (evidence, wrong) => {
  const begins = evidence.ledger.filter((one) => one.what === 'begin');
  const begun = new Set(begins.map((one) => `${one.task}/${one.attempt}`));
  const counts = { tried: 0, unbegun: 0 };
  for (const one of assignmentEvents(evidence).filter(isEnd)) {
    const began = begun.has(`${one.task}/${one.attempt}`);
    if (!began) counts.unbegun += 1;
    if (one.now !== 'timeout' && one.now !== 'failed') continue;
    counts.tried += 1;
    if (!began) wrong(`attempt ${one.attempt} of task ${one.task} ended as ${one.now}, and its handler never began`);
  }
  return counts;
};
