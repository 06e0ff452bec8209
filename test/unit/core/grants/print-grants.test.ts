import { expect, it } from 'vitest';
import { configSchema } from '../../../../src/core/config/config-schema.ts';
import { printGrants } from '../../../../src/core/grants/print-grants.ts';

const ONE = { host: 'a', user: 'u', database: 'afd' };
const FOR = { user: 'afd_worker', host: '%' };
const GROUP = "GRANT SELECT ON performance_schema.replication_group_members TO 'afd_worker'@'%';";

function sql(members: boolean, dialect: 'mysql' | 'mariadb'): string[] {
  const database = members ? { ...ONE, members: [ONE, { ...ONE, host: 'b' }] } : ONE;
  return printGrants({ config: configSchema.parse({}), database }, 'worker', { ...FOR, dialect }).map((one) => one.sql);
}

it('has the right to ask for the writer of a MySQL group where several hosts are configured', () => {
  expect(sql(true, 'mysql').at(-1)).toBe(GROUP);
  expect(sql(false, 'mysql')).not.toContain(GROUP);
  expect(sql(true, 'mariadb')).not.toContain(GROUP);
});
