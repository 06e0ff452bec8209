// The task table: made, or adopted where another program has made it, and taken back.
import { type Change, planAdoption } from './adoption-plan.ts';
import { COLUMNS, INDEX } from './algorithms.ts';
import { commentsOf } from './create-table.ts';
import type { Migrating } from './migrating.ts';
import { cannotAdopt } from './refusals.ts';
import { GENERATED_COLUMNS, KEYS, PLAIN_COLUMNS } from './task-columns.ts';
import { columnOf, isAdopted, readTaskTable } from './task-table.ts';

/**
 * Creates the task table, or adds to an existing one what it lacks, without blocking its writers.
 * @throws AfdError E_CONFLICT when the table cannot be used as it is
 */
export async function ensureTaskTable(
  tools: Migrating,
  createSql: string,
  { visible }: { visible: boolean },
): Promise<void> {
  const { task } = tools.names.plain;
  const facts = await readTaskTable(tools.ask, task);
  if (facts === undefined) return tools.createTable(task, createSql);
  const options = { collation: await tools.collation(), comments: commentsOf(createSql), visible };
  const { changes, refusals } = planAdoption(facts, options);
  if (refusals.length > 0) throw cannotAdopt(facts.name, refusals);
  for (const one of changes) await runChange(tools, one);
}

async function runChange(tools: Migrating, { sql, algorithms, apart }: Change): Promise<void> {
  if (apart === undefined) return tools.run(sql, algorithms);
  if ((await tools.tryRun(sql, algorithms)) === undefined) return;
  for (const one of apart) await runChange(tools, one);
}

/** Drops a task table of afd's own. From an adopted one: what afd added, except the words of its ENUM. */
export async function removeTaskTable(tools: Migrating): Promise<void> {
  const { names } = tools;
  const facts = await readTaskTable(tools.ask, names.plain.task);
  if (facts === undefined) return;
  if (!isAdopted(facts)) return tools.run(`DROP TABLE ${names.task}`);
  const own = (columns: readonly { name: string }[]) => columns.map(({ name }) => name);
  const invisible = (name: string) => columnOf(facts, name)?.invisible === true;
  const steps: Change[] = [
    {
      sql: drop(
        'KEY',
        own(KEYS).filter((name) => facts.keys.some((key) => key.name === name)),
      ),
      algorithms: INDEX,
    },
    { sql: drop('COLUMN', own(GENERATED_COLUMNS).filter(invisible)), algorithms: COLUMNS },
    { sql: drop('COLUMN', own(PLAIN_COLUMNS).filter(invisible)), algorithms: COLUMNS },
  ];
  for (const { sql, algorithms } of steps) {
    if (sql !== '') await tools.run(`ALTER TABLE ${names.task} ${sql}`, algorithms);
  }
}

function drop(what: 'KEY' | 'COLUMN', names: string[]): string {
  return names.map((name) => `DROP ${what} ${name}`).join(', ');
}
