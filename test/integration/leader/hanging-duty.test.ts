import { afterEach, expect, vi } from 'vitest';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { TermDuties } from '../../../src/core/leader/term-duties.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertLeader } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
it.beforeEach(({ given }) => {
  db = given.db;
});
afterEach(() => {
  vi.restoreAllMocks();
});

it('finding F1: a leader whose health check hangs asks to resign, once in a term, and says which duty it is', async () => {
  const session = await db.session();
  await insertLeader(session, db.names, 'm', 1);
  const context = testContext(db, { master: { lease_renew_interval: 0.05, lease_trust: 0.1, lease_duration: 60 } });
  context.config.database.call_timeout = 0.3;
  let end = () => {};
  vi.spyOn(HealthCheck.prototype, 'runOnce').mockReturnValue(
    new Promise((_, reject) => {
      end = () => reject(new Error('ended by the test'));
    }),
  );
  const said: string[] = [];
  context.events.on('warning', ({ message }) => said.push(message));
  const leadership = new TermDuties(context, 'm');
  await leadership.start();
  leadership.gained(1);
  await until(() => leadership.stalled());
  expect(leadership.stalled()).toBe(false);
  expect(said).toEqual([expect.stringContaining("The leader's health-check has not finished for")]);
  end();
  await leadership.stop();
  await context.close();
});
