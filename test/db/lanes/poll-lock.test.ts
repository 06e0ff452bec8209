import { expect } from 'vitest';
import { releasePollLock, takePollLock } from '../../../src/core/db/lanes/poll-lock.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { PollPause } from '../../../src/core/runtime/poll-pause.ts';
import { LaneCatalog } from '../../../src/core/worker/claim/lane-catalog.ts';
import { Poller } from '../../../src/core/worker/claim/poller.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let [mine, other]: Session[] = [];
test.beforeEach(async ({ given }) => {
  ({ db, session: mine } = given);
  other = await db.session();
});

/** A poller that has just made a costly poll and may poll again. */
function pollerThatPaid() {
  const costly = new PollPause();
  costly.polled(0, 1);
  costly.polled(1, 1001);
  costly.until = 0;
  const catalog = new LaneCatalog('w1', { supported_tasks: ['t'] });
  const poller = new Poller({
    ...{ session: mine!, names: db.names, catalog, deviceId: 'w1', pollIntervalMs: 1000, costly },
  });
  return { poller, catalog, costly };
}

test('one session has the lock, until it gives it back or ends', async () => {
  expect(await takePollLock(mine!, db.names)).toBe(true);
  expect(await takePollLock(other!, db.names)).toBe(false);
  await releasePollLock(mine!, db.names);
  expect(await takePollLock(other!, db.names)).toBe(true);
  await other!.close();
  await expect.poll(() => takePollLock(mine!, db.names)).toBe(true);
});

test('a costly poll is not made while another device polls; it is put off by the same pause', async () => {
  await insertTask(mine!, db.names, { task_type: 't' });
  await takePollLock(other!, db.names);
  const { poller, catalog, costly } = pollerThatPaid();
  await poller.poll();
  expect(catalog.ranks()).toEqual([]);
  expect(costly.costly).toBe(true);
  expect(costly.until).toBeGreaterThan(10_000);
});

test('it is made alone, and the next device may', async () => {
  await insertTask(mine!, db.names, { task_type: 't' });
  const { poller, catalog, costly } = pollerThatPaid();
  await poller.poll();
  expect(catalog.ranks()).toHaveLength(1);
  expect(costly.costly).toBe(false);
  expect(await takePollLock(other!, db.names)).toBe(true);
});
