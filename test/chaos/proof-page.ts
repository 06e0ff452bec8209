// The figures in docs/explain/proof.md, as the script writes them between its markers.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Spread } from './check/percentiles.ts';
import type { Mutant } from './mutants/mutant.ts';
import { broken, listed } from './report.ts';
import type { StormResult } from './storm.ts';

/** The text between the markers of that name, replaced. @throws Error when the page has no such markers */
export function withBlock(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from === -1 || to === -1) throw new Error(`the page has no block "${name}"`);
  return `${page.slice(0, from + begin.length)}\n${text.trim()}\n\n${page.slice(to)}`;
}

export function writeProof(root: string, name: string, text: string): void {
  const path = join(root, 'docs/explain/proof.md');
  writeFileSync(path, withBlock(readFileSync(path, 'utf8'), name, text));
}

export function stormBlock(result: StormResult): string {
  const { figures, verdicts, faults, executions: ran } = result;
  const counts = (rule: number) => verdicts.find((one) => one.rule === rule)?.counts ?? {};
  const found = (rule: number, count: string) => counts(rule)[count] ?? 0;
  const spread = ({ n, p50, p99, max }: Spread) => (n === 0 ? '–' : `${p50} / ${p99} / ${max} s (${n})`);
  const { executions, repeated = 0, overlapping, ...causes } = counts(10);
  const steps = Object.values(faults).reduce((sum, one) => sum + one, 0);
  const bad = broken(result);
  const slowest = `followed after ${found(14, 'slowest to be followed, ms')} ms at most`;
  const rows = [
    ['server', `${result.version}, every commit durable`],
    ['machine', machine()],
    ['plan', `seed ${result.seed}, ${result.tasks} tasks, ${steps} steps: ${listed(faults)}`],
    ['SIGKILLs', `${result.kills}; processes started ${result.starts} times; ${result.seconds} s in all`],
    ['verdict', bad.length === 0 ? 'every rule holds' : `BROKEN: rules ${bad.join(', ')}`],
    [
      'enqueues',
      `${found(1, 'acknowledged')} acknowledged, none lost; ${found(1, 'recovered')} unanswered ones were in`,
    ],
    ['completions', `${found(3, 'completions')} accepted, none twice`],
    ['executions', `${ran}, of them ${repeated} followed by another of the same task: ${listed(causes)}`],
    ['leader terms', `${found(7, 'terms')}, with ${found(7, 'duties')} writes of duties`],
    ['blocked processes', `${found(14, 'blocked')}, ${found(14, 'blocked leaders')} of them leading: ${slowest}`],
    ['no claim while a task was due', `${found(14, 'longest standstill, ms')} ms at most`],
    ['odd rows', `${found(15, 'odd')}, of them ${found(15, 'put aside')} put aside`],
    ['throughput', `${figures.tasks_per_s} tasks/s in the middle of it all`],
    ['worker killed → attempts recorded as lost', spread(figures.rescue_s)],
    ['worker killed → tasks claimed again', spread(figures.restart_s)],
    ['leader killed → next term', spread(figures.failover_s)],
    ['database back → first claim', spread(figures.database_s)],
  ];
  return ['| | |', '| --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

/** What is taken away, and what must notice it. */
export function mutantsBlock(mutants: readonly Mutant[]): string {
  const rows = mutants.map(({ name, what, patches, caught: { test, storm } }) => {
    const files = new Set(patches.map((patch) => `\`${patch.file.replace('src/core/', '')}\``));
    const by = [test && `\`${test.file}\`: ${test.name}`, storm && `a storm, by rule ${storm.rules.join(' or ')}`];
    return `| ${name} | ${what} | ${[...files].join(', ')} | ${by.filter(Boolean).join('; ')} |`;
  });
  return ['| mutant | what is taken away | where | caught by |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function machine(): string {
  const all = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${all.length} × ${all[0]?.model.trim() || 'unknown processor'}, ${memory} GiB, Linux ${release().split('-')[0]}, Node ${process.versions.node}; database and fleet share it`;
}
