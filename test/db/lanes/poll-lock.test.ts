import { expect } from 'vitest';
import { releasePollLock, takePollLock } from '../../../src/core/db/lanes/poll-lock.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { PollPause } from '../../../src/core/runtime/poll-pause.ts';
import { LaneCatalog } from '../../../src/core/worker/claim/lane-catalog.ts';
import { Poller } from '../../../src/core/worker/claim/poller.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addTask } from '../../helpers/rows-here.ts';

useDatabase();
let other: Session;
it.beforeEach(async () => {
  other = await db.session();
});

/** Polls with a poller that has just made a costly poll and may poll again. */
async function pollOfOneThatPaid() {
  const costly = new PollPause();
  costly.polled(0, 1);
  costly.polled(1, 1001);
  costly.until = 0;
  const catalog = new LaneCatalog('w1', { supported_tasks: ['t'] });
  await new Poller({ session, names, catalog, deviceId: 'w1', pollIntervalMs: 1000, costly }).poll();
  return { found: catalog.ranks().length, costly };
}

it('one session has the lock, until it gives it back or ends', async () => {
  expect([await takePollLock(session, names), await takePollLock(other, names)]).toEqual([true, false]);
  await releasePollLock(session, names);
  expect(await takePollLock(other, names)).toBe(true);
  await other.close();
  await expect.poll(() => takePollLock(session, names)).toBe(true);
});

it('a costly poll is not made while another device polls; it is put off by the same pause, and made alone later', async () => {
  await addTask({ task_type: 't' });
  await takePollLock(other, names);
  const put = await pollOfOneThatPaid();
  expect(put).toMatchObject({ found: 0, costly: { costly: true } });
  expect(put.costly.until).toBeGreaterThan(10_000);
  await releasePollLock(other, names);
  expect(await pollOfOneThatPaid()).toMatchObject({ found: 1, costly: { costly: false } });
  expect(await takePollLock(other, names)).toBe(true);
});
