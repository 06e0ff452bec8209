// The three foreign keys that the design document draws. Not by default: a child insert locks its parent row in share mode.
import { AfdError } from '../../../domain/errors.ts';
import { INDEX } from './algorithms.ts';
import type { Migrating } from './migrating.ts';
import { foreignKeysOf } from './read-foreign-keys.ts';

/** Adds those that are missing. @throws AfdError E_CONFLICT when rows point at nothing */
export async function addForeignKeys(tools: Migrating): Promise<void> {
  const { names, ask } = tools;
  const keys = [
    { child: 'assignment', column: 'task_id', parent: 'task', key: 'id' },
    { child: 'assignment', column: 'device_id', parent: 'device', key: 'device_id' },
    { child: 'heartbeat', column: 'device_id', parent: 'device', key: 'device_id' },
  ] as const;
  for (const { child, column, parent, key } of keys) {
    const name = `${names.plain[child]}_${parent}`;
    // By what it ties, not by its name: an adopted table has the names that the server gave.
    const there = (await foreignKeysOf(ask, names.plain[child])).some(
      (one) => one.column === column && one.parent === names.plain[parent],
    );
    if (there) continue;
    if ((await tools.columnType(names.plain[child])) !== undefined) {
      const [orphans] = await ask(
        `SELECT COUNT(*) AS n FROM ${names[child]} c LEFT JOIN ${names[parent]} p ON p.${key} = c.${column} WHERE p.${key} IS NULL`,
      );
      if (Number(orphans?.n) > 0) throw pointsAtNothing(names.plain[child], names.plain[parent], Number(orphans?.n));
    }
    // Partitions forbid foreign keys. The table is ours, and it is copied.
    if (child === 'heartbeat') await removePartitions(tools);
    // INPLACE needs the check of existing rows off; they were checked above.
    await tools.run('SET SESSION foreign_key_checks = 0');
    await tools.run(
      `ALTER TABLE ${names[child]} ADD CONSTRAINT \`${name}\` FOREIGN KEY (${column}) REFERENCES ${names[parent]} (${key})`,
      INDEX,
    );
    await tools.run('SET SESSION foreign_key_checks = 1');
  }
}

async function removePartitions(tools: Migrating): Promise<void> {
  const table = tools.names.plain.heartbeat;
  const [row] = await tools.ask(
    `SELECT COUNT(PARTITION_NAME) AS n FROM information_schema.PARTITIONS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?`,
    [table],
  );
  const willBe = Number(row?.n) === 0 && (await tools.columnType(table)) === undefined;
  if (Number(row?.n) > 0 || willBe) await tools.run(`ALTER TABLE \`${table}\` REMOVE PARTITIONING`);
}

function pointsAtNothing(child: string, parent: string, rows: number): AfdError {
  return new AfdError(
    'E_CONFLICT',
    `${rows} rows of ${child} reference no existing row of ${parent}: delete them first.`,
    {
      suggestions: ['afd migrate up'],
      data: { child, parent, rows },
    },
  );
}
