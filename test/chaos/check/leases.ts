// Rules 4 and 5: one holder at a time, and each write carries the claim that holds.
import {
  type AssignmentEvent,
  assignmentEvents,
  byTask,
  type Evidence,
  type Finding,
  isClaim,
  isEnd,
  type TaskEvent,
  taskEvents,
} from './evidence.ts';

/** 4. Leases of one task never overlap in database time; none is shorter than its attempt may run. */
export function leasesApart(evidence: Evidence): Finding {
  const violations: string[] = [];
  let leases = 0;
  for (const one of taskEvents(evidence)) {
    if (!isClaim(one)) continue;
    leases += 1;
    if (one.was?.status === 'running')
      violations.push(
        `task ${one.task} was claimed (attempt ${one.now?.attempt}) while attempt ${one.was.attempt} held it`,
      );
  }
  const reset = resets(evidence);
  for (const [task, events] of byTask(assignmentEvents(evidence)))
    violations.push(...recordsApart(task, events, reset));
  for (const one of assignmentEvents(evidence)) {
    if (one.now === undefined || isEnd(one) || one.was !== undefined) continue;
    if (one.deadline_in_s >= evidence.settings.shortest_timeout) continue;
    const ahead = one.deadline_in_s + sinceClaim(one, evidence);
    if (ahead < evidence.settings.shortest_timeout)
      violations.push(`attempt ${one.attempt} of task ${one.task} got a deadline ${ahead} s ahead`);
  }
  return { violations, counts: { leases } };
}

/** Seconds. The deadline of a deferred record counts from its claim, however long the database could not write the record. */
function sinceClaim(record: AssignmentEvent, evidence: Evidence): number {
  if (record.cause !== 'deferred') return 0;
  const claim = taskEvents(evidence).find(
    (one) => isClaim(one) && one.task === record.task && one.now?.attempt === record.attempt,
  );
  return claim === undefined ? 0 : (record.at - claim.at) / 1000;
}

/** Attempts whose task a foreign program set back while they held it. */
function resets(evidence: Evidence): Set<string> {
  const found = taskEvents(evidence).filter((one) => evidence.foreign.has(one.conn) && one.was?.status === 'running');
  return new Set(found.map((one) => `${one.task}/${one.was?.attempt}`));
}

/** The records of two attempts of one task are never open together; what a foreign program reset is closed later. */
function recordsApart(task: number, events: AssignmentEvent[], reset: Set<string>): string[] {
  const found: string[] = [];
  const open = new Map<number, AssignmentEvent>();
  for (const one of events) {
    if (one.was === undefined && one.now !== undefined) {
      for (const other of open.values()) {
        if (!reset.has(`${task}/${other.attempt}`))
          found.push(`attempt ${one.attempt} of task ${task} began while attempt ${other.attempt} was open`);
      }
      if (!isEnd(one)) open.set(one.id, one);
    } else if (isEnd(one) || one.now === undefined) open.delete(one.id);
  }
  return found;
}

/** 5. The number of the attempt rises by one with each claim and never otherwise; an accepted end is the holder's. */
export function tokensHold(evidence: Evidence): Finding {
  const violations: string[] = [];
  const tokens = new Map<string, string>();
  for (const one of taskEvents(evidence)) {
    const { was, now, task } = one;
    if (was === undefined || now === undefined) continue;
    const claim = isClaim(one);
    const wanted = was.attempt + (claim ? 1 : 0);
    if (now.attempt !== wanted)
      violations.push(`task ${task} went from attempt ${was.attempt} to ${now.attempt}, not to ${wanted}`);
    if (!claim || now.token === null) continue;
    const name = `${task}/${now.token}`;
    if (tokens.has(name)) violations.push(`task ${task} was claimed twice under one token, ${now.token}`);
    tokens.set(name, now.token);
  }
  const pairs = pairEnds(evidence, violations);
  return { violations, counts: { ends: pairs } };
}

interface Halves {
  move?: TaskEvent;
  /** `held`: the task was this attempt's when its record ended. */
  end?: { event: AssignmentEvent; held: boolean };
}

/**
 * Task and record end in one transaction: on one connection the move of the task and the end of its attempt come one after
 * the other, whichever first, and both carry the same token.
 */
function pairEnds(evidence: Evidence, violations: string[]): number {
  const open = new Map<string, Halves>();
  const state = new Map<number, TaskEvent>();
  let pairs = 0;
  const alone = ({ move, end }: Halves) => {
    if (move !== undefined) violations.push(moveAlone(move));
    const problem = end === undefined ? undefined : endAlone(end.event, end.held);
    if (problem !== undefined) violations.push(problem);
  };
  for (const one of evidence.events) {
    if (one.table === 'task') state.set(one.task, one);
    const half = one.table === 'task' || one.table === 'assignment' ? halfOf(one, evidence, state) : undefined;
    if (half === undefined) continue;
    const name = `${one.conn}/${half.task}`;
    const other = open.get(name) ?? {};
    open.delete(name);
    const move = half.move ?? other.move;
    const end = half.end ?? other.end;
    if (move === undefined || end === undefined || (other.move ?? other.end) === undefined) {
      alone(
        half.move === undefined
          ? { ...(other.end && { end: other.end }) }
          : { ...(other.move && { move: other.move }) },
      );
      open.set(name, half.move === undefined ? { end: half.end! } : { move: half.move });
    } else if (move.was?.token === end.event.token && move.was.attempt === end.event.attempt) {
      pairs += 1;
      const problem = disagreement(move.now?.status, end.event.now);
      if (problem !== undefined) violations.push(`task ${half.task}, attempt ${end.event.attempt}: ${problem}`);
    } else if (half.end !== undefined) {
      violations.push(
        `attempt ${half.end.event.attempt} of task ${half.task} ended the task that attempt ${move.was?.attempt} held (${half.end.event.now})`,
      );
    } else {
      alone({ end });
      open.set(name, { move });
    }
  }
  for (const one of open.values()) alone(one);
  return pairs;
}

/** What of an event is one half of an end. */
function halfOf(
  one: TaskEvent | AssignmentEvent,
  evidence: Evidence,
  state: Map<number, TaskEvent>,
): (Halves & { task: number }) | undefined {
  const { task } = one;
  if (one.table === 'assignment') {
    const now = state.get(task)?.now;
    return isEnd(one)
      ? { task, end: { event: one, held: now?.status === 'running' && now.token === one.token } }
      : undefined;
  }
  const held = one.was?.status === 'running' && one.was.token !== null;
  const left = held && (one.now === undefined || one.now.status !== 'running');
  return left && !evidence.foreign.has(one.conn) ? { task, move: one } : undefined;
}

function moveAlone({ task, was, now }: TaskEvent): string {
  return `task ${task} left attempt ${was?.attempt} for ${now?.status}, but no record of that attempt ended with it`;
}

function endAlone({ task, attempt, now }: AssignmentEvent, held: boolean): string | undefined {
  if (held) return `attempt ${attempt} of task ${task} ended as ${now}, and the task did not move`;
  return now === 'lost' ? undefined : `attempt ${attempt} of task ${task} ended as ${now} without holding its task`;
}

const BY_TASK: Record<string, readonly string[]> = {
  done: ['completed'],
  failed: ['failed', 'timeout', 'lost'],
  cancelled: ['cancelled'],
  pending: ['failed', 'timeout', 'released', 'lost'],
  assigned: ['failed', 'timeout', 'released', 'lost'],
};

function disagreement(task: string | undefined, record: string | undefined): string | undefined {
  if (task === undefined || (BY_TASK[task] ?? []).includes(record ?? '')) return undefined;
  return `the task became ${task}, its record ${record}`;
}
