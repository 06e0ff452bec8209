// The end: is everything there, once, and right? And what would somebody do next?
import chalk from 'chalk';
import Table from 'cli-table3';
import { type Comparison, isComplete } from './comparison.ts';
import { type KillResult, seconds } from './crawl.ts';
import { configFile, type WorkerEnd, type WorkerPlan } from './fleet.ts';
import type { Attempts, Snapshot } from './observe.ts';

export interface QuickstartResult {
  ok: boolean;
  /** What is wrong, in sentences. */
  problems: string[];
  database: string;
  devices: {
    device_id: string;
    slots: number;
    capabilities: string[];
    sync_data: 'module' | 'python';
    completed: number;
    lost: number;
    /** 0, or SIGKILL for the one that was killed. */
    ended: string;
  }[];
  tasks: { total: number; done: number };
  attempts: Record<string, number>;
  kill: KillResult;
  stored: { rows: number; figures: number; missing: number; doubled: number; unexpected: number; different: number };
  api: { answers: Record<string, number>; reports: number };
  python: string;
  seconds: { crawl: number; total: number };
}

export interface Facts {
  database: string;
  plans: WorkerPlan[];
  total: number;
  final: Snapshot;
  attempts: Attempts;
  kill: KillResult;
  comparison: Comparison;
  ends: Record<string, WorkerEnd>;
  answers: Record<string, number>;
  /** Reports that the stub served whole, of those that a complete crawl needs. */
  served: number;
  wanted: number;
  python: string;
  seconds: { crawl: number; total: number };
}

/** Everything that must hold, and every sentence about what does not. */
export function judge(facts: Facts): QuickstartResult {
  const { attempts, comparison, kill, final, total } = facts;
  const done = final.tasks.done ?? 0;
  const problems = [
    ...(done === total ? [] : [`${done} of ${total} tasks are done`]),
    ...(attempts.not_once.length === 0 ? [] : [`not completed exactly once: tasks ${list(attempts.not_once)}`]),
    ...(attempts.open === 0 ? [] : [`${attempts.open} attempts are still open`]),
    ...(attempts.unexplained === 0 ? [] : [`${attempts.unexplained} attempts were lost without a reason`]),
    ...(kill.lost > 0 ? [] : [`the killed worker ${kill.device_id} lost nothing`]),
    ...(facts.served === facts.wanted ? [] : [`${facts.served} of ${facts.wanted} reports were served`]),
    ...(isComplete(comparison) ? [] : comparisonProblems(comparison)),
    ...Object.entries(facts.ends)
      .filter(([, end]) => end.code !== 0)
      .map(([device, end]) => `${device} ended with ${end.signal ?? end.code} after SIGTERM`),
  ];
  return {
    ok: problems.length === 0,
    problems,
    database: facts.database,
    devices: facts.plans.map(({ device_id, slots, capabilities, python }) => {
      const view = final.devices.find((device) => device.device_id === device_id);
      const end = facts.ends[device_id];
      return {
        device_id,
        slots,
        capabilities: Object.keys(capabilities),
        sync_data: python === undefined ? ('module' as const) : ('python' as const),
        completed: view?.completed ?? 0,
        lost: view?.lost ?? 0,
        ended: device_id === kill.device_id ? 'SIGKILL' : `exit ${end?.code ?? end?.signal}`,
      };
    }),
    tasks: { total, done },
    attempts: attempts.by_status,
    kill,
    stored: {
      rows: comparison.rows_stored,
      figures: comparison.figures,
      missing: comparison.missing.length,
      doubled: comparison.doubled.length,
      unexpected: comparison.unexpected.length,
      different: comparison.different.length,
    },
    api: { answers: facts.answers, reports: facts.served },
    python: facts.python,
    seconds: facts.seconds,
  };
}

function comparisonProblems({ missing, doubled, unexpected, different }: Comparison): string[] {
  const first = (rows: string[], what: string) =>
    rows.length === 0 ? [] : [`${what}: ${rows.length}, e.g. ${rows[0]}`];
  return [
    ...first(missing, 'rows missing'),
    ...first(doubled, 'rows stored twice'),
    ...first(unexpected, 'rows that nobody served'),
    ...first(
      different.map(({ row, column, expected, stored }) => `${column} ${stored} in place of ${expected} in ${row}`),
      'figures that differ',
    ),
  ];
}

export function renderSummary(result: QuickstartResult, embedded: boolean): string {
  const table = new Table({
    head: ['device', 'slots', 'capabilities', 'sync_data', 'done', 'lost', 'ended'],
    style: { head: [], border: [] },
  });
  for (const device of result.devices) {
    const { device_id, slots, capabilities, sync_data, completed, lost, ended } = device;
    table.push([device_id, slots, capabilities.join(', ') || '–', sync_data, completed, lost, ended]);
  }
  const { kill, stored, attempts, api, tasks } = result;
  const refused = Object.entries(api.answers).filter(([status]) => status !== '200');
  const verdict = result.ok
    ? chalk.green(
        `✔ ${stored.figures} figures in ${stored.rows} rows compared: nothing missing, nothing twice, nothing else.`,
      )
    : chalk.red(['✖ The demonstration failed:', ...result.problems].join('\n  '));
  return [
    '',
    table.toString(),
    '',
    `tasks     ${tasks.done} of ${tasks.total} done in ${result.seconds.crawl.toFixed(1)} s, each completed exactly once`,
    `attempts  ${attemptsLine(attempts)}`,
    `kill      ${kill.device_id} died with ${kill.lost} tasks: taken back after ${seconds(kill.taken_back_s)}, all running elsewhere after ${seconds(kill.restarted_s)}`,
    `API       ${api.answers[200] ?? 0} good answers; on purpose: ${refused.map(([status, n]) => `${n} × ${status}`).join(', ') || 'no other'}`,
    `Python    ${result.python}`,
    `time      ${result.seconds.total.toFixed(1)} s in all, on ${result.database}`,
    '',
    verdict,
    '',
    'Go on (the tables of this run stay until the next one):',
    ...nextCommands(embedded, kill).map((line) => `  ${line}`),
    '',
  ].join('\n');
}

const ENDS: Record<string, string> = {
  completed: 'completed',
  failed: 'failed and tried again',
  released: 'sent back by a quota (no attempt spent)',
  lost: 'lost with the killed worker',
};

function attemptsLine(attempts: Record<string, number>): string {
  return Object.entries(attempts)
    .map(([status, n]) => `${n} ${ENDS[status] ?? status}`)
    .join(', ');
}

function nextCommands(embedded: boolean, kill: KillResult): string[] {
  const config = configFile('afd').replace(`${process.cwd()}/`, '');
  const start = process.env.AFD_DATABASE_URL ? 'env -u AFD_DATABASE_URL ' : '';
  return [
    `${start}node bin/run.js status --config ${config}`,
    `${start}node bin/run.js tasks ls --limit 10 --config ${config}`,
    `${start}node bin/run.js tasks show ${kill.task_ids[0] ?? 1} --config ${config}      (a task that lost its device)`,
    ...(embedded ? ['node bin/run.js db shell      (and: node bin/run.js db stop)'] : []),
    'docs/guide/appsflyer.md       how these handlers are made, and how to use them for real',
  ];
}

function list(ids: number[]): string {
  return ids.slice(0, 10).join(', ') + (ids.length > 10 ? ' …' : '');
}
