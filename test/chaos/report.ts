// What a storm found, for a human.
import type { Verdict } from './check/evidence.ts';
import type { StormResult } from './storm.ts';

const MOST_SHOWN = 8;

export function summary(result: StormResult): string {
  const { figures } = result;
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ');
  const spread = (name: string, { n, p50, p99, max }: { n: number; p50: number; p99: number; max: number }) =>
    `  ${name.padEnd(46)} p50 ${p50} s, p99 ${p99} s, max ${max} s (${n})`;
  const lines = [
    `seed ${result.seed} on ${result.server}: ${result.kills} kills, ${result.starts} starts, ${result.executions} executions, ` +
      `${result.events} database events in ${result.seconds} s; ${figures.tasks_per_s} tasks/s` +
      `${result.skewed ? '' : '; clocks were NOT skewed (no libfaketime)'}`,
    `  steps: ${list(result.faults)}`,
    spread('worker killed → its attempts recorded as lost', figures.rescue_s),
    spread('worker killed → its tasks claimed again', figures.restart_s),
    spread('leader killed → next term', figures.failover_s),
    spread('database back → first claim', figures.database_s),
  ];
  return [...lines, ...verdictLines(result.verdicts)].join('\n');
}

export function broken(result: StormResult): number[] {
  return result.verdicts.filter((one) => one.violations.length > 0).map((one) => one.rule);
}

export function verdictLines(verdicts: Verdict[]): string[] {
  return verdicts.flatMap(({ rule, title, violations, counts }) => {
    const figures = Object.entries(counts).map(([name, n]) => `${name} ${n}`);
    const word = violations.length === 0 ? 'holds ' : 'BROKEN';
    const shown = violations.slice(0, MOST_SHOWN).map((one) => `           ${one}`);
    const more = violations.length > MOST_SHOWN ? [`           … and ${violations.length - MOST_SHOWN} more`] : [];
    return [`  ${word} ${rule}. ${title} (${figures.join(', ')})`, ...shown, ...more];
  });
}
