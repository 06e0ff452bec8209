// What a storm found, for a human.
import type { Verdict } from './check/evidence.ts';
import type { Spread } from './check/percentiles.ts';
import type { StormResult } from './storm.ts';

const MOST_SHOWN = 8;

/** `name n, name n` */
export function listed(counts: Record<string, number>): string {
  const each = Object.entries(counts).map(([name, n]) => `${name} ${n}`);
  return each.join(', ');
}

export function summary(result: StormResult): string {
  const { figures, seed, server, kills, starts, executions, events, seconds, skewed } = result;
  const spread = (name: string, { n, p50, p99, max }: Spread) =>
    `  ${name.padEnd(46)} p50 ${p50} s, p99 ${p99} s, max ${max} s (${n})`;
  const clocks = skewed ? '' : '; clocks were NOT skewed (no libfaketime)';
  return [
    `seed ${seed} on ${server}: ${kills} kills, ${starts} starts, ${executions} executions, ${events} database events in ${seconds} s; ${figures.tasks_per_s} tasks/s${clocks}`,
    `  steps: ${listed(result.faults)}`,
    spread('worker killed → its attempts recorded as lost', figures.rescue_s),
    spread('worker killed → its tasks claimed again', figures.restart_s),
    spread('leader killed → next term', figures.failover_s),
    spread('database back → first claim', figures.database_s),
    ...verdictLines(result.verdicts),
  ].join('\n');
}

export function broken(result: StormResult): number[] {
  return result.verdicts.filter((one) => one.violations.length > 0).map((one) => one.rule);
}

export function verdictLines(verdicts: Verdict[]): string[] {
  return verdicts.flatMap(({ rule, title, violations, counts }) => {
    const word = violations.length === 0 ? 'holds ' : 'BROKEN';
    const shown = violations.slice(0, MOST_SHOWN).map((one) => `           ${one}`);
    const more = violations.length > MOST_SHOWN ? [`           … and ${violations.length - MOST_SHOWN} more`] : [];
    return [`  ${word} ${rule}. ${title} (${listed(counts)})`, ...shown, ...more];
  });
}
