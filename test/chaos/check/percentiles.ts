// 12: how long recovery took, from the history. Figures, never a verdict.
import { assignmentEvents, byTask, type Evidence, isClaim, isEnd, taskEvents } from './evidence.ts';

export interface Spread {
  n: number;
  p50: number;
  p99: number;
  max: number;
}

export type Figures = ReturnType<typeof figures>;

export function figures(evidence: Evidence) {
  const { history, events } = evidence;
  const kills = history.filter((line) => line.f === 'kill' && line.type === 'ok');
  const tasks = taskEvents(evidence);
  const claims = tasks.filter(isClaim);
  const claimsOf = byTask(claims);
  const [rescue, restart]: [number[], number[]] = [[], []];
  for (const one of assignmentEvents(evidence)) {
    if (!isEnd(one) || one.now !== 'lost' || one.cause === 'foreign') continue;
    const own = claimsOf.get(one.task) ?? [];
    const kill = kills.findLast((line) => line.victim === one.device && line.wall <= one.at)?.wall;
    if (kill === undefined || kill < (own.findLast(({ at }) => at <= one.at)?.at ?? 0)) continue;
    rescue.push((one.at - kill) / 1000);
    const next = own.find(({ at }) => at > one.at);
    if (next !== undefined) restart.push((next.at - kill) / 1000);
  }
  const terms = events.filter((one) => one.table === 'leader' && one.now.term !== one.was?.term);
  const starts = history.filter((line) => line.f === 'database-up' && line.restart === true);
  const done = tasks.filter((one) => one.now?.status === 'done');
  const took = ((done.at(-1)?.at ?? 0) - (claims[0]?.at ?? 0)) / 1000;
  /** Seconds from each of these moments to the first of those events after it. */
  const until = (moments: Array<{ wall: number }>, followed: Array<{ at: number }>) =>
    moments.flatMap(({ wall }) => {
      const first = followed.find(({ at }) => at > wall);
      return first === undefined ? [] : [(first.at - wall) / 1000];
    });
  return {
    /** Seconds from the SIGKILL of a worker to the recorded end of what it held. */
    rescue_s: spread(rescue),
    /** Seconds from that SIGKILL to the next claim of those tasks. */
    restart_s: spread(restart),
    /** Seconds from the SIGKILL of a leader to the next term. */
    failover_s: spread(
      until(
        kills.filter((line) => line.led === true),
        terms,
      ),
    ),
    /** Seconds from the restarted database's first answer to the first claim. */
    database_s: spread(until(starts, claims)),
    /** Completed tasks per second, from the first claim to the last completion. */
    tasks_per_s: took > 0 ? Math.round((done.length / took) * 10) / 10 : 0,
  };
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const round = (value = 0) => Math.round(value * 100) / 100;
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: round(sorted.at(-1)) };
}
