// What the lists of devices and the figures of the fleet read, and with which index.
import { expect } from 'vitest';
import { deviceMap, deviceMapStatement } from '../../../src/core/db/fleet/device-map.ts';
import { devicePage, devicePageStatement } from '../../../src/core/db/fleet/device-page.ts';
import { overviewCounts, overviewRows } from '../../../src/core/db/fleet/overview.ts';
import { it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addAttempt, addDevice, addTask } from '../../helpers/rows-here.ts';
import { costOf, manyRows, planOf } from '../../helpers/statement-cost.ts';

useDatabase();

it('of 1,000 devices a page and the map read each once, in order, and of its attempts those that are open', async () => {
  await session.write(
    `INSERT INTO ${names.device} (device_id, device_name, device_type, ip_address, port, status, last_heartbeat)
     SELECT CONCAT('w', LPAD(b.n * 100 + c.n * 10 + d.n, 3, '0')), 'w', 'worker', '', 0, 'online', UTC_TIMESTAMP(3) FROM ${manyRows(1000)}`,
  );
  await session.write(
    `INSERT INTO ${names.assignment} (task_id, attempt, device_id, claim_token, status)
     SELECT id * 10 + d.n, 1, device_id, '', IF(d.n = 0, 'running', 'completed') FROM ${names.device}, ${manyRows(10)}`,
  );
  for (const table of [names.device, names.assignment]) await session.rows(`ANALYZE TABLE ${table}`);
  const page = await costOf(session, devicePageStatement(names, { after: 'w499', start: 'w', limit: 50 }));
  expect(page).toMatchObject({ rows: 50, sorted: 0 });
  expect(page.reads).toBeLessThanOrEqual(50 * 6 + 10);
  const devices = async (after: string, start = '') =>
    (await devicePage(session, names, { after, start, limit: 9 })).devices;
  expect(await devices('w998')).toMatchObject([{ device_id: 'w999', current_tasks: 1 }]);
  expect([await devices('w999'), await devices('', '%')]).toEqual([[], []]);
  const map = await costOf(session, deviceMapStatement(names, 60));
  expect(map.rows).toBe(1000);
  // The open entries, their groups and the sort of these, the devices, and the group of each. Of 9,000 others none.
  expect(map.reads).toBeLessThanOrEqual(1000 * 8 + 20);
  const shown = { device_id: 'w007', running: 1, silent: 0, over_limits: 0, stuck: 0 };
  expect((await deviceMap(session, names, 60)).devices[7]).toMatchObject(shown);
});

it('the figures of the fleet count over indexes alone where no time is compared', async () => {
  const device = await addDevice('w1');
  await addTask({ status: 'waiting' });
  await addAttempt({ device, overdue_s: 5 });
  for (const minutes of [59, 61]) {
    const { assignment_id } = await addAttempt({ device, columns: { status: 'completed' } });
    await session.write(
      `UPDATE ${names.assignment} SET completed_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE id = ?`,
      [minutes, assignment_id],
    );
  }
  const { counts, devices } = await overviewRows(session, names, 60);
  const expected = { task_waiting: 1, task_running: 3, overdue: 1, hour_completed: 1, hour_failed: 0 };
  expect(Object.fromEntries(counts)).toMatchObject(expected);
  expect(devices).toEqual([{ device_type: 'worker', status: 'online', operator_state: 'active', n: 1, slots: 5 }]);
  const plan = await planOf(session, { sql: overviewCounts(names), values: [] });
  const keys = plan.map((one) => one.key).filter((key) => key?.includes('_'));
  expect(new Set(keys)).toEqual(new Set(['afd_claim', 'idx_status']));
});
