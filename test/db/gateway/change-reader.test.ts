// What the reader of a gateway tells of rows, round by round.
import { describe, expect } from 'vitest';
import { writeSettings } from '../../../src/core/db/settings/write-settings.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import { ChangeReader, MOST_TOLD } from '../../../src/core/gateway/changes/change-reader.ts';
import { type Given, it } from '../../helpers/fixture.ts';

/** A reader that has read what there is; each call reads what has changed since. */
async function begin({ db, session }: Given) {
  const reader = new ChangeReader(db.names);
  let now = 0;
  const changes = async () => {
    now += 1000;
    return (await reader.round(session, now)).changes;
  };
  await changes();
  return changes;
}

describe('a round tells', () => {
  it('of a task that it was added, that its attempt began, and how it ended', async ({ given }) => {
    const { db, rows, session } = given;
    const changes = await begin(given);
    const { task_id, assignment_id } = await rows.running('w1');
    const of = { task_id: String(task_id), task_type: 'sync_data' };
    expect(await changes()).toMatchObject([
      { type: 'task.created', ...of, parent_id: null },
      { type: 'task.started', ...of, attempt: 1, device_id: 'w1' },
    ]);
    await session.write(
      `UPDATE ${db.names.assignment} SET status = 'failed', completed_at = UTC_TIMESTAMP(3), error_message = ? WHERE id = ?`,
      ['x'.repeat(900), assignment_id],
    );
    await session.write(`UPDATE ${db.names.task} SET status = 'failed' WHERE id = ?`, [task_id]);
    expect(await changes()).toMatchObject([
      {
        ...{ type: 'task.ended', ...of, attempt: 1, device_id: 'w1', attempt_status: 'failed', task_status: 'failed' },
        ...{ error_message: 'x'.repeat(500), ended_at: expect.stringMatching(/^\d{4}-.*Z$/) },
      },
    ]);
  });

  it('of a task that is cancelled while it waits, though no attempt shows it', async ({ given }) => {
    const id = await given.rows.task();
    const changes = await begin(given);
    await cancelTask(given.session, given.db.names, id);
    const ended = { type: 'task.ended', task_id: String(id), task_status: 'cancelled', cause: 'operator' };
    expect(await changes()).toMatchObject([{ ...ended, attempt: null, device_id: null }]);
  });

  it('of a batch that ended, once, and not of one that ended before', async ({ given }) => {
    const ended = (name: string, at = 'UTC_TIMESTAMP(3)') =>
      given.session.write(
        `INSERT INTO ${given.db.names.batch} (name, created_at, created_by, sealed_at, ended_at)
         VALUES ('${name}', UTC_TIMESTAMP(3), 'ada', UTC_TIMESTAMP(3), ${at})`,
      );
    await ended('before');
    const changes = await begin(given);
    await ended('one');
    await ended('open', 'NULL');
    await ended('its transaction took a while', 'UTC_TIMESTAMP(3) - INTERVAL 5 SECOND');
    const told = (await changes()).map((one) => one.type === 'batch.ended' && one.name);
    expect(told.sort()).toEqual(['its transaction took a while', 'one']);
    expect(await changes()).toEqual([]);
  });

  it('of devices, the leader and the settings when they change, and not what they are at the start', async ({
    given,
  }) => {
    const { db, session, rows } = given;
    const { device, leader } = db.names;
    await rows.device({ device_id: 'w1' });
    await rows.leader('m1', 4);
    const changes = await begin(given);
    await session.write(`UPDATE ${device} SET operator_state = 'paused' WHERE device_id = 'w1'`);
    await rows.device({ device_id: 'w2' });
    await session.write(`UPDATE ${leader} SET holder = 'm2', term = 5`);
    await writeSettings(session, db.names, new Map([['master.task_timeout', 77]]), { by: 'test', existing: 'replace' });
    expect(await changes()).toMatchObject([
      { type: 'device.status', device_id: 'w1', status: 'online', operator_state: 'paused' },
      { type: 'device.status', device_id: 'w2' },
      { type: 'leader.changed', device_id: 'm2', term: 5 },
      { type: 'setting.changed', name: 'master.task_timeout', value: 77 },
    ]);
    await session.write(`DELETE FROM ${device} WHERE device_id = 'w1'`);
    expect(await changes()).toMatchObject([{ type: 'device.status', device_id: 'w1', status: null }]);
  });

  it('of a task whose transaction commits after that of a higher id, once', async ({ given }) => {
    const { db, session } = given;
    const changes = await begin(given);
    const slow = await db.session();
    await slow.write('START TRANSACTION');
    const { insertId: low } = await slow.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('slow')`);
    const { insertId: high } = await session.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('quick')`);
    expect(high).toBeGreaterThan(low);
    expect(await changes()).toMatchObject([{ task_id: String(high) }]);
    await slow.write('COMMIT');
    expect(await changes()).toMatchObject([{ task_id: String(low) }]);
    expect(await changes()).toEqual([]);
  });

  it('the first of many, and of the others how many they are if somebody has read that', async ({ given }) => {
    const changes = await begin(given);
    const insert = (n: number) =>
      given.session.write(
        `INSERT INTO ${given.db.names.task} (task_type) VALUES ${Array(n).fill("('many')").join(', ')}`,
      );
    await insert(MOST_TOLD + 50);
    const counted = await changes();
    expect(counted.slice(0, -1).map(({ type }) => type)).toEqual(Array(MOST_TOLD).fill('task.created'));
    expect(counted.at(-1)).toEqual({ type: 'overflow', of: 'task.created', count: 50 });
    await insert(1500);
    expect((await changes()).at(-1)).toEqual({ type: 'overflow', of: 'task.created', count: null });
    const { insertId } = await insert(1);
    expect(await changes()).toMatchObject([{ type: 'task.created', task_id: String(insertId) }]);
  });
});
