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
    if (one.now === undefined || isEnd(one) || one.deadline_in_s >= evidence.settings.shortest_timeout) continue;
    if (one.was === undefined)
      violations.push(`attempt ${one.attempt} of task ${one.task} got a deadline ${one.deadline_in_s} s ahead`);
  }
  return { violations, counts: { leases } };
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

/**
 * Task and record end in one transaction: on one connection the move of the task comes just before the end of its
 * attempt, and both carry the same token.
 */
function pairEnds(evidence: Evidence, violations: string[]): number {
  const moved = new Map<string, TaskEvent>();
  const state = new Map<number, TaskEvent>();
  let pairs = 0;
  const unpaired = (one: TaskEvent) =>
    violations.push(
      `task ${one.task} left attempt ${one.was?.attempt} for ${one.now?.status}, but no record of that attempt ended with it`,
    );
  for (const one of evidence.events) {
    if (one.table === 'task') {
      state.set(one.task, one);
      const held = one.was?.status === 'running' && one.was.token !== null;
      const left = held && (one.now === undefined || one.now.status !== 'running');
      if (!left || evidence.foreign.has(one.conn)) continue;
      const before = moved.get(`${one.conn}/${one.task}`);
      if (before !== undefined) unpaired(before);
      moved.set(`${one.conn}/${one.task}`, one);
    } else if (one.table === 'assignment' && isEnd(one)) {
      const name = `${one.conn}/${one.task}`;
      const move = moved.get(name);
      moved.delete(name);
      if (move?.was?.token === one.token && move.was.attempt === one.attempt) {
        pairs += 1;
        const problem = disagreement(move.now?.status, one.now);
        if (problem !== undefined) violations.push(`task ${one.task}, attempt ${one.attempt}: ${problem}`);
        continue;
      }
      if (move !== undefined) {
        violations.push(
          `attempt ${one.attempt} of task ${one.task} ended the task that attempt ${move.was?.attempt} held (${one.now})`,
        );
        continue;
      }
      const now = state.get(one.task)?.now;
      const holds = now?.status === 'running' && now.token === one.token;
      if (holds)
        violations.push(`attempt ${one.attempt} of task ${one.task} ended as ${one.now}, and the task did not move`);
      else if (one.now !== 'lost')
        violations.push(`attempt ${one.attempt} of task ${one.task} ended as ${one.now} without holding its task`);
    }
  }
  for (const one of moved.values()) unpaired(one);
  return pairs;
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
