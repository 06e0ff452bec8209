import { expect } from 'vitest';
import LeaderResign from '../../src/commands/leader/resign.ts';
import LeaderStatus from '../../src/commands/leader/status.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertLeader } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const env = () => ({ AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' });
const status = (...argv: string[]) => runCommand(LeaderStatus, 'leader:status', argv, env());
const resign = (...argv: string[]) => runCommand(LeaderResign, 'leader:resign', argv, env());

it('says who leads, which term, and until when', async () => {
  await insertLeader(session, db.names, 'worker-001', 3);
  expect((await status('--json')).json()).toMatchObject({ device_id: 'worker-001', term: 3 });
  expect((await status()).stdout).toMatch(/^worker-001 is leader, term 3\n/);
});

it('says that nobody leads, and who did last', async () => {
  expect((await status()).stdout).toBe('There is no leader (no node has led yet).\n');
  await insertLeader(session, db.names, 'worker-001', 3);
  await session.write(`UPDATE ${db.names.leader} SET expires_at = '2026-01-01 00:00:00'`);
  expect((await status('--json')).json()).toMatchObject({ device_id: null, last_holder: 'worker-001', term: 3 });
  expect((await status()).stdout).toContain('The last leader was worker-001');
});

it('makes the leader resign, so that the lease is anybody’s', async () => {
  await insertLeader(session, db.names, 'worker-001', 3);
  expect((await resign('--json')).json()).toEqual({ resigned: true, device_id: 'worker-001', term: 3 });
  expect((await status('--json')).json()).toMatchObject({ device_id: null, last_holder: null, term: 3 });
});

it('has nothing to do when nobody leads', async () => {
  const ran = await resign();
  expect(ran.stdout).toBe('There is no leader, so nothing was changed.\n');
  expect((await resign('--json')).json()).toEqual({ resigned: false, device_id: null, term: 0 });
});
