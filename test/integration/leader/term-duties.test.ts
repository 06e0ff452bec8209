import { afterEach, expect, vi } from 'vitest';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { TermDuties } from '../../../src/core/leader/term-duties.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, insertLeader } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { once, until } from '../../helpers/wait.ts';

let db: TestDatabase;
it.beforeEach(async ({ given }) => {
  db = given.db;
  await insertLeader(given.session, db.names, 'm', 1);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function leading(master: Record<string, number>) {
  const context = testContext(db, { master });
  const leadership = new TermDuties(context, 'm');
  await leadership.start();
  return { context, leadership };
}

// Others may have lost their connections for the same reason.
it('a leader that has lost its own connection declares nobody dead by a free lock until its connection is back for a while', async ({
  session,
}) => {
  await insertDevice(session, db.names, { device_id: 'w', lock_taken_s: 5 });
  const master = { lock_check_interval: 0.02, lock_grace: 0.02, lock_trust_after_start: 0.3, heartbeat_timeout: 3600 };
  const { context, leadership } = await leading(master);
  const checks = vi.spyOn(HealthCheck.prototype, 'checkLocks');
  const dead: string[] = [];
  context.events.on('device:dead', ({ device_id }) => dead.push(device_id));
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

it('finding F1: a leader whose health check hangs asks to resign, once in a term, and says which duty it is', async () => {
  const { context, leadership } = await leading({ lease_renew_interval: 0.05, lease_trust: 0.1, lease_duration: 60 });
  context.config.database.call_timeout = 0.3;
  let end = () => {};
  const hangs = new Promise<never>((_, reject) => (end = () => reject(new Error('ended by the test'))));
  vi.spyOn(HealthCheck.prototype, 'runOnce').mockReturnValue(hangs);
  const said: string[] = [];
  context.events.on('warning', ({ message }) => said.push(message));
  leadership.gained(1);
  await until(() => leadership.stalled());
  expect(leadership.stalled()).toBe(false);
  expect(said).toEqual([expect.stringContaining("The leader's health-check has not finished for")]);
  end();
  await leadership.stop();
  await context.close();
});
