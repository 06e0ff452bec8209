import { expect } from 'vitest';
import { ignoresReadOnly, isAboveReadOnly } from '../../../src/core/db/server/replication-settings.ts';
import { it } from '../../helpers/fixture.ts';

it.for([
  ['GRANT ALL PRIVILEGES ON *.* TO `afd`@`%` WITH GRANT OPTION', true],
  ['GRANT SELECT, READ_ONLY ADMIN, RELOAD ON *.* TO `afd`@`%`', true],
  ['GRANT BACKUP_ADMIN,CONNECTION_ADMIN ON *.* TO `root`@`localhost`', true],
  ['GRANT ALL PRIVILEGES ON `afd`.* TO `afd`@`%`', false],
  ['GRANT SELECT, SUPERVISE ON *.* TO `afd`@`%`', false],
] as const)('%s: read_only does not stop it: %s', ([grant, expected]) => {
  expect(isAboveReadOnly(grant)).toBe(expected);
});

it('the account is asked for its own rights', async ({ given: { session } }) => {
  const grants = await session.rows('SHOW GRANTS');
  const expected = grants.some((row) => isAboveReadOnly(String(Object.values(row)[0])));
  expect(await ignoresReadOnly(session)).toBe(expected);
});
