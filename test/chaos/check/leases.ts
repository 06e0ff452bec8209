// Rules 4 and 5: one holder at a time, and each write carries the claim that holds.
import {
  type AssignmentEvent,
  assignmentEvents,
  byTask,
  type Evidence,
  isClaim,
  isEnd,
  type Rule,
  type TaskEvent,
  taskEvents,
} from './evidence.ts';

/** 4. Leases of one task never overlap in database time; none is shorter than its attempt may run. */
export const leasesApart: Rule = (evidence, wrong) => {
  const { settings, foreign } = evidence;
  const tasks = taskEvents(evidence);
  const claims = tasks.filter(isClaim);
  for (const { task, was, now } of claims) {
    if (was?.status === 'running')
      wrong(`task ${task} was claimed (attempt ${now?.attempt}) while attempt ${was.attempt} held it`);
  }
  // Attempts whose task a foreign program set back while they held it: their records are closed later.
  const resets = tasks.filter((one) => foreign.has(one.conn) && one.was?.status === 'running');
  const reset = new Set(resets.map((one) => `${one.task}/${one.was?.attempt}`));
  for (const [task, records] of byTask(assignmentEvents(evidence))) {
    const open = new Map<number, AssignmentEvent>();
    for (const one of records) {
      if (one.was === undefined && one.now !== undefined) {
        for (const { attempt } of open.values()) {
          if (!reset.has(`${task}/${attempt}`))
            wrong(`attempt ${one.attempt} of task ${task} began while attempt ${attempt} was open`);
        }
        if (!isEnd(one)) open.set(one.id, one);
      } else if (isEnd(one) || one.now === undefined) open.delete(one.id);
    }
  }
  for (const one of assignmentEvents(evidence)) {
    if (one.now === undefined || isEnd(one) || one.was !== undefined) continue;
    if (one.deadline_in_s >= settings.shortest_timeout) continue;
    const ahead = one.deadline_in_s + sinceClaim(one, claims);
    if (ahead < settings.shortest_timeout)
      wrong(`attempt ${one.attempt} of task ${one.task} got a deadline ${ahead} s ahead`);
  }
  return { leases: claims.length };
};

/** Seconds. The deadline of a deferred record counts from its claim, however long the database could not write the record. */
function sinceClaim({ cause, task, attempt, at }: AssignmentEvent, claims: TaskEvent[]): number {
  if (cause !== 'deferred') return 0;
  const claim = claims.find((one) => one.task === task && one.now?.attempt === attempt);
  return claim === undefined ? 0 : (at - claim.at) / 1000;
}

/** 5. The number of the attempt rises by one with each claim and never otherwise; an accepted end is the holder's. */
export const tokensHold: Rule = (evidence, wrong) => {
  const tokens = new Set<string>();
  for (const one of taskEvents(evidence)) {
    const { was, now, task } = one;
    if (was === undefined || now === undefined) continue;
    const claim = isClaim(one);
    const wanted = was.attempt + (claim ? 1 : 0);
    if (now.attempt !== wanted)
      wrong(`task ${task} went from attempt ${was.attempt} to ${now.attempt}, not to ${wanted}`);
    if (!claim) continue;
    const name = `${task}/${now.token}`;
    if (tokens.has(name)) wrong(`task ${task} was claimed twice under one token, ${now.token}`);
    tokens.add(name);
  }
  return { ends: pairEnds(evidence, wrong) };
};

/** One of both. */
interface Half {
  move?: TaskEvent;
  /** `held`: the task was this attempt's when its record ended. */
  end?: AssignmentEvent & { held: boolean };
}

/**
 * Task and record end in one transaction: on one connection the move of the task and the end of its attempt come one after
 * the other, whichever first, and both carry the same token.
 */
function pairEnds(evidence: Evidence, wrong: (violation: string) => void): number {
  const open = new Map<string, Half>();
  const state = new Map<number, TaskEvent>();
  let pairs = 0;
  const alone = ({ move, end }: Half = {}) => {
    if (move !== undefined)
      wrong(
        `task ${move.task} left attempt ${move.was?.attempt} for ${move.now?.status}, but no record of that attempt ended with it`,
      );
    if (end === undefined) return;
    const ended = `attempt ${end.attempt} of task ${end.task} ended as ${end.now}`;
    if (end.held) wrong(`${ended}, and the task did not move`);
    else if (end.now !== 'lost') wrong(`${ended} without holding its task`);
  };
  for (const one of evidence.events) {
    if (one.table === 'task') state.set(one.task, one);
    const half = one.table === 'task' || one.table === 'assignment' ? halfOf(one, evidence, state) : undefined;
    if (half === undefined || !('task' in one)) continue;
    const name = `${one.conn}/${one.task}`;
    const other = open.get(name);
    open.delete(name);
    const { move, end } = { ...other, ...half };
    if (move === undefined || end === undefined) {
      alone(other);
      open.set(name, half);
    } else if (move.was?.token === end.token && move.was.attempt === end.attempt) {
      pairs += 1;
      if (!agree(move.now?.status, end.now))
        wrong(`task ${one.task}, attempt ${end.attempt}: the task became ${move.now?.status}, its record ${end.now}`);
    } else if (half.end !== undefined) {
      const held = `the task that attempt ${move.was?.attempt} held (${end.now})`;
      wrong(`attempt ${end.attempt} of task ${one.task} ended ${held}`);
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
  { foreign }: Evidence,
  state: Map<number, TaskEvent>,
): Half | undefined {
  if (one.table === 'assignment') {
    const now = state.get(one.task)?.now;
    const held = now?.status === 'running' && now.token === one.token;
    return isEnd(one) ? { end: { ...one, held } } : undefined;
  }
  const held = one.was?.status === 'running' && one.was.token !== null;
  return held && one.now?.status !== 'running' && !foreign.has(one.conn) ? { move: one } : undefined;
}

const TRIED_AGAIN = ['failed', 'timeout', 'released', 'lost'];
const BY_TASK: Record<string, readonly string[]> = {
  done: ['completed'],
  failed: ['failed', 'timeout', 'lost'],
  cancelled: ['cancelled'],
  pending: TRIED_AGAIN,
  assigned: TRIED_AGAIN,
};

function agree(task: string | undefined, record: string | undefined): boolean {
  return task === undefined || (BY_TASK[task] ?? []).includes(record ?? '');
}
