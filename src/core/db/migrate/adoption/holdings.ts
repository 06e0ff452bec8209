// What `migrate down` would destroy: rows of afd's own tables, and what afd has noted in the tasks of an adopted one.
import type { Ask } from '../../server-facts.ts';
import type { TableNames } from '../../table-names.ts';
import { ZONE_SETTING } from './confirmed-zone.ts';
import { isAdoptedTable } from './table-plan.ts';
import { isAdopted, readTaskTable } from './task-table.ts';

export interface Holding {
  table: string;
  rows: number;
  /** `devices`, `attempts`, … */
  what: string;
}

/** The leader's row and the lanes are not among them: they are made again by themselves. Empty = nothing would be lost. */
export async function holdings(ask: Ask, names: TableNames): Promise<Holding[]> {
  let wanted: Array<{
    table: 'device' | 'assignment' | 'heartbeat' | 'setting' | 'task';
    what: string;
    where?: string;
  }> = [
    { table: 'assignment', what: 'attempts' },
    { table: 'device', what: 'devices' },
    { table: 'heartbeat', what: 'heartbeats' },
    { table: 'setting', what: 'settings', where: `name <> '${ZONE_SETTING}'` },
  ];
  const task = await readTaskTable(ask, names.plain.task);
  if (task !== undefined && !isAdopted(task)) wanted.unshift({ table: 'task', what: 'tasks' });
  if (task !== undefined && isAdopted(task) && task.columns.some((column) => column.name === 'attempt')) {
    wanted.unshift({
      table: 'task',
      what: 'tasks that afd has attempted (the tasks are kept; their results and counts are removed)',
      where: 'attempt > 0',
    });
  }
  for (const kind of ['device', 'assignment', 'heartbeat'] as const) {
    const facts = await readTaskTable(ask, names.plain[kind]);
    if (facts === undefined || !isAdoptedTable(kind, facts)) continue;
    // Its rows stay. What afd has noted of its own attempts goes.
    wanted = wanted.filter(({ table }) => table !== kind);
    if (kind !== 'assignment' || !facts.columns.some((column) => column.name === 'attempt')) continue;
    const what = 'attempts of afd (the rows are kept; their numbers and results are removed)';
    wanted.push({ table: kind, what, where: 'attempt IS NOT NULL' });
  }
  const held: Holding[] = [];
  for (const { table, what, where = '1 = 1' } of wanted) {
    const there = await ask(
      'SELECT 1 AS n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
      [names.plain[table]],
    );
    if (there.length === 0) continue;
    const [row] = await ask(`SELECT COUNT(*) AS n FROM ${names[table]} WHERE ${where}`);
    if (Number(row?.n) > 0) held.push({ table: names.plain[table], rows: Number(row?.n), what });
  }
  return held;
}
