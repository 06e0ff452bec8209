// Adopts existing tables next to the task table that follow the design document, and takes back what was added.
// `migrate --dry-run` prints the statements first, with what they cost.

import { AfdError } from '../../../domain/errors.ts';
import { counted } from '../../../domain/text/counted.ts';
import { COLUMNS } from './algorithms.ts';
import { wantedOf } from './create-table.ts';
import { DOCUMENT_COLUMNS, type DocumentTable, MOST_COPIED } from './document-tables.ts';
import type { Finding } from './findings.ts';
import type { Migrating } from './migrating.ts';
import { type ForeignKey, foreignKeysOf } from './read-foreign-keys.ts';
import { cannotAdopt } from './refusals.ts';
import { isAdoptedTable, planTable, unplanTable } from './table-plan.ts';
import { columnOf, readTaskTable, type TaskTableFacts } from './task-table.ts';

const COPY = ['ALGORITHM=COPY, LOCK=SHARED'];

/** The table exists. `sql`: the CREATE TABLE of the migration. @throws AfdError E_CONFLICT when it cannot be used */
export async function adoptTable(tools: Migrating, kind: DocumentTable, sql: string): Promise<void> {
  const name = tools.names.plain[kind];
  const facts = await readTaskTable(tools.ask, name);
  if (facts === undefined) throw new AfdError('E_INTERNAL', `The table ${name} disappeared while it was read.`);
  const lacking = DOCUMENT_COLUMNS[kind].filter((column) => columnOf(facts, column) === undefined);
  if (lacking.length > 0) throw tools.notOurs(name, lacking);
  const keys = await foreignKeysOf(tools.ask, name);
  const adopted = isAdoptedTable(kind, facts);
  const plan = planTable(kind, facts, keys, wantedOf(sql), await tools.collation());
  const rows = plan.sql === undefined ? 0 : await count(tools, name);
  if (plan.sql !== undefined && plan.copy && rows > MOST_COPIED) {
    plan.refusals.push(
      `${name} has ${rows} rows, and the migration would copy it while its writers wait. Delete old rows, or run this statement yourself at a quiet time: ${plan.sql};`,
    );
  }
  if (plan.refusals.length > 0) throw cannotAdopt(name, plan.refusals);
  if (plan.sql !== undefined && plan.copy) await copied(tools, facts, keys, plan.sql);
  else if (plan.sql !== undefined) await tools.run(plan.sql, COLUMNS);
  if (!adopted) return;
  const findings = await findIn(tools, kind, facts, keys, { copied: plan.copy, rows });
  if (kind === 'device') await signOffStrangers(tools, facts);
  if (plan.sql !== undefined) tools.adopted.push({ table: name, rows, findings });
}

/** Of an adopted table: takes what was added, and leaves the rows. False = the table is afd's own, or there is none. */
export async function leaveTable(tools: Migrating, kind: DocumentTable, sql: string): Promise<boolean> {
  const facts = await readTaskTable(tools.ask, tools.names.plain[kind]);
  if (facts === undefined || !isAdoptedTable(kind, facts)) return false;
  const undo = unplanTable(kind, facts, wantedOf(sql));
  if (undo !== undefined) await copied(tools, facts, await foreignKeysOf(tools.ask, facts.name), undo);
  return true;
}

/**
 * MariaDB puts the copy in the table's place without the tables that refer to it: an INSERT of another program there, at
 * that moment, finds no parent row and fails (1452). So they are locked too.
 */
async function copied(tools: Migrating, facts: TaskTableFacts, keys: ForeignKey[], sql: string): Promise<void> {
  const children = keys.filter((key) => key.parent === facts.name && key.table !== facts.name).map((key) => key.table);
  if (!facts.isMariaDb || children.length === 0) return tools.run(sql, COPY);
  const tables = [...new Set([facts.name, ...children])].map((table) => `\`${table}\` WRITE`);
  await tools.run(`LOCK TABLES ${tables.join(', ')}`);
  try {
    await tools.run(sql, COPY);
  } finally {
    await tools.run('UNLOCK TABLES');
  }
}

/** A row that says "online" of a device that no process of afd is would be believed for as long as its zone is ahead. */
async function signOffStrangers(tools: Migrating, facts: TaskTableFacts): Promise<void> {
  const stranger = columnOf(facts, 'instance_token') === undefined ? '' : ' AND instance_token IS NULL';
  const [row] = await tools.ask(
    `SELECT COUNT(*) AS n FROM \`${facts.name}\` WHERE NOT (status <=> 'offline')${stranger}`,
  );
  if (Number(row?.n) === 0) return;
  await tools.run(
    `UPDATE \`${facts.name}\` SET status = 'offline' WHERE NOT (status <=> 'offline') AND instance_token IS NULL`,
  );
}

async function findIn(
  tools: Migrating,
  kind: DocumentTable,
  facts: TaskTableFacts,
  keys: ForeignKey[],
  { copied, rows }: { copied: boolean; rows: number },
): Promise<Finding[]> {
  const { name } = facts;
  const found: Finding[] = [];
  if (copied) {
    const message = `${name} (${rows} rows) is copied once while its writers wait, because its number and time columns become wider.`;
    found.push({ code: 'copied', rows, message });
  }
  if (rows > 0) {
    const message = `${name}: the times of existing rows are not changed; afd reads and writes UTC.`;
    found.push({ code: 'times_kept', rows, message });
  }
  for (const key of keys.filter((one) => one.table === name)) {
    found.push({ code: 'foreign_key', rows: 0, message: costOf(key), sql: dropOf(key) });
  }
  if (kind === 'assignment') {
    const open = await count(tools, name, "status IN ('assigned', 'running')");
    const message = `${counted(open, 'open assignment')} of another program: the leader closes them as lost (cause foreign); their tasks are not changed.`;
    if (open > 0) found.push({ code: 'open_elsewhere', rows: open, message });
  }
  if (kind === 'device') {
    const alive = await count(tools, name, "NOT (status <=> 'offline')");
    const message = `${counted(alive, 'device')} not offline, although no process of afd runs there: the status is set to offline. When a worker starts, its device is online again.`;
    if (alive > 0) found.push({ code: 'set_offline', rows: alive, message });
  }
  if (kind === 'heartbeat') {
    const message = `${name} is not partitioned by day: the leader deletes rows older than master.heartbeat_history_days in chunks.`;
    found.push({ code: 'not_partitioned', rows, message });
  }
  return found;
}

/** They stay: what is the user's is not dropped. */
function costOf({ name, table, column, parent, key }: ForeignKey): string {
  return `Foreign key ${name} is kept: each write to ${table} locks the row of ${parent} (${key}) that its ${column} references, and referenced rows of ${parent} cannot be deleted. afd does not need it; to drop it:`;
}

function dropOf({ name, table }: ForeignKey): string {
  return `ALTER TABLE \`${table}\` DROP FOREIGN KEY \`${name}\`;`;
}

async function count(tools: Migrating, table: string, where = '1 = 1'): Promise<number> {
  const [row] = await tools.ask(`SELECT COUNT(*) AS n FROM \`${table}\` WHERE ${where}`);
  return Number(row?.n);
}
