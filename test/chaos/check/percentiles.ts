// 12: how long recovery took, from the history. Figures, never a verdict.
import { type AssignmentEvent, assignmentEvents, type Evidence, isClaim, isEnd, taskEvents } from './evidence.ts';

export interface Spread {
  n: number;
  p50: number;
  p99: number;
  max: number;
}

export interface Figures {
  /** Seconds from the SIGKILL of a worker to the recorded end of what it held. */
  rescue_s: Spread;
  /** Seconds from that SIGKILL to the next claim of those tasks. */
  restart_s: Spread;
  /** Seconds from the SIGKILL of a leader to the next term. */
  failover_s: Spread;
  /** Seconds from the restarted database's first answer to the first claim. */
  database_s: Spread;
  /** Completed tasks per second, from the first claim to the last completion. */
  tasks_per_s: number;
}

export function figures(evidence: Evidence): Figures {
  const kills = evidence.history.filter((line) => line.f === 'kill' && line.type === 'ok');
  const killed = (device: string) => kills.filter((line) => line.victim === device).map((line) => line.wall);
  const ofDevice = new Map<string, number[]>();
  const tasks = taskEvents(evidence);
  const claims = tasks.filter(isClaim);
  const claimsOf = new Map<number, number[]>();
  for (const one of claims) claimsOf.set(one.task, [...(claimsOf.get(one.task) ?? []), one.at]);
  const [rescue, restart]: [number[], number[]] = [[], []];
  for (const one of assignmentEvents(evidence)) {
    if (!isEnd(one) || one.now !== 'lost' || one.cause === 'foreign') continue;
    if (!ofDevice.has(one.device)) ofDevice.set(one.device, killed(one.device));
    const kill = lastBefore(ofDevice.get(one.device)!, one);
    const claimed = claimsOf.get(one.task)?.findLast((at) => at <= one.at) ?? 0;
    if (kill === undefined || kill < claimed) continue;
    rescue.push((one.at - kill) / 1000);
    const next = claimsOf.get(one.task)?.find((at) => at > one.at);
    if (next !== undefined) restart.push((next - kill) / 1000);
  }
  const terms = evidence.events.flatMap((one) =>
    one.table === 'leader' && one.now.term !== one.was?.term ? [one.at] : [],
  );
  const failover = kills
    .filter((line) => line.led === true)
    .flatMap((line) =>
      terms
        .filter((at) => at > line.wall)
        .slice(0, 1)
        .map((at) => (at - line.wall) / 1000),
    );
  const starts = evidence.history.filter((line) => line.f === 'database-up' && line.restart === true);
  const database = starts.flatMap((line) => {
    const first = claims.find((one) => one.at > line.wall);
    return first === undefined ? [] : [(first.at - line.wall) / 1000];
  });
  const done = tasks.filter((one) => one.now?.status === 'done');
  const took = ((done.at(-1)?.at ?? 0) - (claims[0]?.at ?? 0)) / 1000;
  return {
    rescue_s: spread(rescue),
    restart_s: spread(restart),
    failover_s: spread(failover),
    database_s: spread(database),
    tasks_per_s: took > 0 ? Math.round((done.length / took) * 10) / 10 : 0,
  };
}

function lastBefore(kills: number[], end: AssignmentEvent): number | undefined {
  return kills.findLast((wall) => wall <= end.at);
}

export function spread(values: number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: round(sorted.at(-1) ?? 0) };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
