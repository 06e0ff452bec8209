// Times of an adopted table: whole seconds, in the zone of its users. What a zone with daylight saving does to them is shown
// here, since it cannot be helped: docs/guide/adopting.md tells it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endTask } from '../../../src/core/db/claim/statements.ts';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { type OldDatabase, oldDatabase, T1 } from '../../db/migrations/old-table.ts';
import { addressOf } from '../../helpers/database.ts';
import { insertAttempt, insertDevice } from '../../helpers/factories.ts';
import { fleet } from '../../helpers/fleet.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

/** The moment that this session takes for now. */
const at = (session: Session, iso: string) => session.write(`SET SESSION timestamp = ${Date.parse(iso) / 1000}`);

async function due(session: Session): Promise<number[]> {
  const rows = await session.rows<{ id: number }>(
    "SELECT id FROM af_crawl_tasks WHERE status = 'pending' AND due_at <= NOW(3) ORDER BY id",
  );
  return rows.map(({ id }) => id);
}

async function add(session: Session, db: OldDatabase, run_at?: string): Promise<number> {
  const task = { task_type: 'a', username: 'u', ...(run_at === undefined ? {} : { run_at }) };
  const [inserted] = await insertTasks(session, db.names, [task], { maxRetryCount: 3 });
  return inserted!.task_id;
}

const TOKEN = Buffer.alloc(16, 7);

/** Ends the attempt now, with the next one after `seconds`: the statement of the worker itself. */
async function retryIn(session: Session, db: OldDatabase, task_id: number, due_in_s: number): Promise<void> {
  await session.write(`UPDATE ${db.names.task} SET claim_token = ? WHERE id = ?`, [TOKEN, task_id]);
  const { sql, values } = endTask(
    db.names,
    {
      finish: { task_id, claim_token: TOKEN } as never,
      record: { assignment_id: 0 },
      assignment_status: 'failed',
      task_status: 'pending',
      retry: 1,
      due_in_s,
      error_message: 'no',
      error_class: null,
      cause: null,
      result: null,
    },
    ANY_WIDTHS,
  );
  await session.write(sql, values);
}

describe('E2 next_run_at of an adopted table', () => {
  let db: OldDatabase;
  let session: Session;
  beforeAll(async () => {
    db = await oldDatabase([T1], { zone: '+08:00' });
    await db.migrate();
    session = await db.session();
  });
  afterAll(() => db.drop());

  it('E2 is an instant when afd is given one: written in the zone of the table, and no fraction rounds it up', async () => {
    const id = await add(session, db, '2026-01-01T00:00:00.999Z');
    const [row] = await db.admin.rows('SELECT next_run_at AS text FROM af_crawl_tasks WHERE id = ?', [id]);
    expect(row?.text).toBe('2026-01-01 08:00:00');
    await at(session, '2025-12-31T23:59:59.900Z');
    expect(await due(session)).not.toContain(id);
    await at(session, '2026-01-01T00:00:00.000Z');
    expect(await due(session)).toContain(id);
    await db.admin.write('DELETE FROM af_crawl_tasks');
  });

  it("E2 that a user's program sets to its midnight comes due at that midnight, not hours early or late", async () => {
    const user = await db.session();
    await at(user, '2026-05-05T10:00:00Z');
    await user.write(
      "INSERT INTO af_crawl_tasks (task_type, username, next_run_at) VALUES ('a', 'u', DATE(NOW()) + INTERVAL 1 DAY)",
    );
    await at(session, '2026-05-05T15:59:59Z');
    expect(await due(session)).toEqual([]);
    await at(session, '2026-05-05T16:00:00Z');
    expect(await due(session)).toHaveLength(1);
    await db.admin.write('DELETE FROM af_crawl_tasks');
  });

  it('E2 is never rounded up: due at once when it is now, and a retry comes at most a second early and never late', async () => {
    for (const fraction of ['.000', '.499', '.500', '.999']) {
      await at(session, `2026-05-05T10:00:00${fraction}Z`);
      const id = await add(session, db);
      await retryIn(session, db, id, 0);
      expect(await due(session), fraction).toContain(id);
      const [row] = await session.rows(
        'SELECT next_run_at AS due, updated_at AS updated FROM af_crawl_tasks WHERE id = ?',
        [id],
      );
      expect(row).toEqual({ due: '2026-05-05 18:00:00', updated: '2026-05-05 18:00:00' });
    }
    await db.admin.write('DELETE FROM af_crawl_tasks');
    await at(session, '2026-05-05T10:00:00.700Z');
    const id = await add(session, db);
    await retryIn(session, db, id, 30);
    await at(session, '2026-05-05T10:00:29.600Z');
    expect(await due(session)).toEqual([]);
    await at(session, '2026-05-05T10:00:30.700Z');
    expect(await due(session)).toEqual([id]);
  });
});

describe('E2 a worker and a leader of a table in +08:00', () => {
  const zone = '+08:00';
  let db: OldDatabase;
  let user: Session;
  beforeAll(async () => {
    db = await oldDatabase([T1.replaceAll('af_crawl_tasks', 'af_crawl_task')], { task: 'af_crawl_task', zone });
    await db.migrate();
    // A program of theirs.
    user = await db.session({ timeZone: zone });
  });
  afterAll(() => db.drop());

  /** Seconds from the user's now to that time of a task. */
  const fromNow = async (column: string, username: string) =>
    (
      await user.rows(`SELECT TIMESTAMPDIFF(SECOND, NOW(3), ${column}) AS s FROM af_crawl_task WHERE username = ?`, [
        username,
      ])
    )[0]?.s;

  it('E2 write what they do in the hours of its users, and every time of their own in UTC', {
    timeout: 60_000,
  }, async (test) => {
    await user.write(`INSERT INTO af_crawl_task (task_type, username, next_run_at) VALUES
      ('work', 'good', NOW()), ('broken', 'bad', NOW()), ('work', 'later', NOW() + INTERVAL 1 HOUR)`);
    const f = await fleet(test, db, {
      database: { time_zone: zone },
      master: { retry_backoff: { initial: 600, max: 600, jitter: 0 }, lost_backoff: [900, 900] },
      handlers: { broken: { module: './broken.mjs' } },
      files: { 'broken.mjs': 'export default () => { throw new Error("no"); };\n' },
    });
    const worker = f.start('worker', { deviceId: 'w1', args: ['--slots', '2', '--drain'] });
    // One of them failed.
    expect((await worker.exit).code).toBe(6);
    const rows = await user.rows(
      `SELECT t.username AS name, a.status,
         GREATEST(ABS(TIMESTAMPDIFF(SECOND, a.assigned_at, UTC_TIMESTAMP(3))), ABS(TIMESTAMPDIFF(SECOND, a.started_at, UTC_TIMESTAMP(3))),
           ABS(TIMESTAMPDIFF(SECOND, a.completed_at, UTC_TIMESTAMP(3)))) < 60 AS in_utc
       FROM af_task_assignment a JOIN af_crawl_task t ON t.id = a.task_id ORDER BY t.id`,
    );
    expect(rows).toEqual([
      { name: 'good', status: 'completed', in_utc: 1 },
      { name: 'bad', status: 'failed', in_utc: 1 },
    ]);
    expect(await fromNow('next_run_at', 'bad')).toBeGreaterThan(540);
    expect(await fromNow('next_run_at', 'bad')).toBeLessThanOrEqual(600);
    for (const name of ['good', 'bad']) expect(Math.abs(await fromNow('updated_at', name))).toBeLessThan(60);
    expect(await fromNow('next_run_at', 'later')).toBeGreaterThan(3500);
    const [finished] = await user.rows(
      "SELECT ABS(TIMESTAMPDIFF(SECOND, finished_at, UTC_TIMESTAMP(3))) < 60 AS in_utc FROM af_crawl_task WHERE username = 'good'",
    );
    expect(finished).toEqual({ in_utc: 1 });

    const gone = await insertDevice(user, db.names, { device_id: 'gone', columns: { status: 'offline' } });
    await insertAttempt(user, db.names, { device: gone, task: { username: 'orphan', task_type: 'work' } });
    const leader = f.start('leader', { deviceId: 'l1', args: ['--once'] });
    expect((await leader.exit).code).toBe(0);
    expect(await fromNow('next_run_at', 'orphan')).toBeGreaterThan(840);
    expect(await fromNow('next_run_at', 'orphan')).toBeLessThanOrEqual(900);
    expect(Math.abs(await fromNow('updated_at', 'orphan'))).toBeLessThan(60);
  });
});

describe('D5 half an hour at a change of the clocks', skipBecause(NO_PRIVATE_SERVER, 'mysqld'), () => {
  let server: PrivateServer;
  let db: OldDatabase;
  const zone = process.env.TZ;
  beforeAll(async () => {
    // A server whose own zone is Berlin's: summer time ends 2026-10-25T01:00Z, and begins 2026-03-29T01:00Z.
    process.env.TZ = 'Europe/Berlin';
    server = await privateServer();
    db = await oldDatabase([T1], { zone: 'SYSTEM', server: { ...addressOf(server.url), database: 'afd' } });
    await db.migrate();
    const noon = (month: string) => `CONVERT_TZ('2026-${month}-15 12:00:00', '+00:00', 'SYSTEM')`;
    const [row] = await db.admin.rows(`SELECT ${noon('01')} AS winter, ${noon('07')} AS summer`);
    expect(row).toEqual({ winter: '2026-01-15 13:00:00', summer: '2026-07-15 14:00:00' });
  }, 60_000);
  afterAll(async () => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    await db?.drop();
    await server?.stop();
  });

  /** Minutes until a task that is to be tried again in 30 minutes is due, looked at each five minutes. */
  async function minutesFor(timeZone: string, from: string): Promise<number> {
    const session = await db.session({ timeZone });
    await db.admin.write('DELETE FROM af_crawl_tasks');
    await at(session, from);
    const id = await add(session, db);
    await retryIn(session, db, id, 1800);
    for (let minutes = 0; minutes < 240; minutes += 5) {
      await at(session, new Date(Date.parse(from) + minutes * 60_000).toISOString());
      if ((await due(session)).includes(id)) return minutes;
    }
    return Number.POSITIVE_INFINITY;
  }

  it.each(['+00:00', '+01:00', '+08:00'])('D5 is half an hour where the zone is the offset %s', async (offset) => {
    for (const from of ['2026-10-25T00:50:00Z', '2026-03-29T00:50:00Z', '2026-06-01T12:00:00Z']) {
      expect(await minutesFor(offset, from)).toBe(30);
    }
  });

  it('D5 is an hour and a half across the end of summer time, and ten minutes across its begin, where the zone has one', async () => {
    // 02:50 + 30 min = 03:20; ten minutes later the clock is put back to 02:00.
    expect(await minutesFor('SYSTEM', '2026-10-25T00:50:00Z')).toBe(90);
    // 01:50 + 30 min = 02:20, which does not exist; ten minutes later it is 03:00.
    expect(await minutesFor('SYSTEM', '2026-03-29T00:50:00Z')).toBe(10);
    expect(await minutesFor('SYSTEM', '2026-10-25T02:00:00Z')).toBe(30);
  });

  it('D5 a moment in the hour that comes twice is due the first time, and waits for the second if nobody took it', async () => {
    const session = await db.session();
    await db.admin.write('DELETE FROM af_crawl_tasks');
    await at(session, '2026-10-24T12:00:00Z');
    const id = await add(session, db, '2026-10-25T01:30:00Z');
    const dueAt = async (iso: string) => {
      await at(session, iso);
      return (await due(session)).includes(id);
    };
    expect(await dueAt('2026-10-25T00:29:00Z')).toBe(false);
    expect(await dueAt('2026-10-25T00:31:00Z')).toBe(true);
    expect(await dueAt('2026-10-25T01:05:00Z')).toBe(false);
    expect(await dueAt('2026-10-25T01:30:00Z')).toBe(true);
  });

  it('D5 is reported by migrate, which takes such a zone only when that is accepted', async () => {
    const { assumeZone } = await import('../../../src/core/db/migrate/adoption/time-zone.ts');
    expect(await assumeZone(db.ask, undefined)).toMatchObject({
      zone: 'SYSTEM',
      from: 'server',
      daylight_saving: true,
    });
    expect(await assumeZone(db.ask, '+01:00')).toMatchObject({ daylight_saving: false, offset_s: 3600 });
  });
});
