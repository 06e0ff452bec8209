// A leader that has lost its own connection trusts no lock: others may have lost theirs for the same reason.
import { afterEach, expect, vi } from 'vitest';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { TermDuties } from '../../../src/core/leader/term-duties.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, insertLeader } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
it.beforeEach(({ given }) => {
  db = given.db;
});
afterEach(() => {
  vi.restoreAllMocks();
});

it('declares nobody dead by a free lock, also where it gains its term then, until its connection is back for a while', async () => {
  const session = await db.session();
  await insertLeader(session, db.names, 'm', 1);
  await insertDevice(session, db.names, { device_id: 'w', lock_taken_s: 5 });
  const master = { lock_check_interval: 0.02, lock_grace: 0.02, lock_trust_after_start: 0.3, heartbeat_timeout: 3600 };
  const context = testContext(db, { master });
  const checks = vi.spyOn(HealthCheck.prototype, 'checkLocks');
  const dead: string[] = [];
  context.events.on('device:dead', ({ device_id }) => dead.push(device_id));
  const leadership = new TermDuties(context, 'm');
  await leadership.start();
  leadership.heard({ kind: 'database-lost', message: 'the connection was closed' });
  leadership.gained(1);
  await until(() => checks.mock.calls.length > 40);
  expect(dead).toEqual([]);
  const died = once(context.events, 'device:dead');
  leadership.heard({ kind: 'database-back', afterMs: 1, server: 'here' });
  expect(await died).toMatchObject({ device_id: 'w', by: 'lock' });
  await leadership.stop();
  await context.close();
});
