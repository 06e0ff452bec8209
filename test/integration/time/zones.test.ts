// Times of an adopted table: whole seconds, in the zone of its users. What a zone with daylight saving does to them is shown
// here, since it cannot be helped: docs/guide/adopting.md tells it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endTask } from '../../../src/core/db/claim/statements.ts';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import { assumeZone } from '../../../src/core/db/migrate/adoption/time-zone.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { type OldDatabase, oldDatabase, T1 } from '../../db/migrations/old-table.ts';
import { addressOf } from '../../helpers/database.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

let db: OldDatabase;
let session: Session;

/** The moment that this session takes for now. */
const at = (iso: string, by = session) => by.write(`SET SESSION timestamp = ${Date.parse(iso) / 1000}`);

async function due(iso: string): Promise<number[]> {
  await at(iso);
  const rows = await session.rows<{ id: number }>(
    "SELECT id FROM af_crawl_tasks WHERE status = 'pending' AND due_at <= NOW(3) ORDER BY id",
  );
  return rows.map(({ id }) => id);
}

async function add(run_at?: string): Promise<number> {
  const task = { task_type: 'a', username: 'u', ...(run_at === undefined ? {} : { run_at }) };
  const [inserted] = await insertTasks(session, db.names, [task], { maxRetryCount: 3 });
  return inserted!.task_id;
}

const TOKEN = Buffer.alloc(16, 7);

/** Ends an attempt at this moment, with the next one after `seconds`: the statement of the worker itself. */
async function retryIn(iso: string, due_in_s: number): Promise<number> {
  await at(iso);
  const task_id = await add();
  await session.write(`UPDATE ${db.names.task} SET claim_token = ? WHERE id = ?`, [TOKEN, task_id]);
  const { sql, values } = endTask(
    db.names,
    {
      ...{
        finish: { task_id, claim_token: TOKEN } as never,
        record: { assignment_id: 0 },
        assignment_status: 'failed',
      },
      ...{ task_status: 'pending', retry: 1, due_in_s, error_message: 'no' },
      ...{ error_class: null, cause: null, result: null },
    },
    ANY_WIDTHS,
  );
  await session.write(sql, values);
  return task_id;
}

describe('E2 next_run_at of an adopted table', () => {
  beforeAll(async () => {
    db = await oldDatabase([T1], { zone: '+08:00' });
    await db.migrate();
  });
  beforeEach(async () => {
    session = await db.session();
    await db.admin.write('DELETE FROM af_crawl_tasks');
  });
  afterAll(() => db.drop());

  it('E2 is an instant when afd is given one: written in the zone of the table, and no fraction rounds it up', async () => {
    const id = await add('2026-01-01T00:00:00.999Z');
    const [row] = await db.admin.rows('SELECT next_run_at AS text FROM af_crawl_tasks');
    expect(row?.text).toBe('2026-01-01 08:00:00');
    expect(await due('2025-12-31T23:59:59.900Z')).toEqual([]);
    expect(await due('2026-01-01T00:00:00.000Z')).toEqual([id]);
  });

  it("E2 that a user's program sets to its midnight comes due at that midnight, not hours early or late", async () => {
    const user = await db.session();
    await at('2026-05-05T10:00:00Z', user);
    await user.write(
      "INSERT INTO af_crawl_tasks (task_type, username, next_run_at) VALUES ('a', 'u', DATE(NOW()) + INTERVAL 1 DAY)",
    );
    expect(await due('2026-05-05T15:59:59Z')).toEqual([]);
    expect(await due('2026-05-05T16:00:00Z')).toHaveLength(1);
  });

  it('E2 is never rounded up: due at once when it is now, and a retry comes at most a second early and never late', async () => {
    for (const fraction of ['.000', '.499', '.500', '.999']) {
      const now = `2026-05-05T10:00:00${fraction}Z`;
      const [later, id] = [await retryIn(now, 2), await retryIn(now, 0)];
      const found = await due(now);
      expect([found.includes(later), found.includes(id)], fraction).toEqual([false, true]);
    }
    const sql = 'SELECT DISTINCT updated_at AS updated FROM af_crawl_tasks';
    expect(await session.rows(sql)).toEqual([{ updated: '2026-05-05 18:00:00' }]);
    await db.admin.write('DELETE FROM af_crawl_tasks');
    const id = await retryIn('2026-05-05T10:00:00.700Z', 30);
    expect(await due('2026-05-05T10:00:29.600Z')).toEqual([]);
    expect(await due('2026-05-05T10:00:30.700Z')).toEqual([id]);
  });
});

describe('D5 half an hour at a change of the clocks', skipBecause(NO_PRIVATE_SERVER, 'mysqld'), () => {
  let server: PrivateServer;
  const zone = process.env.TZ;
  beforeAll(async () => {
    // A server whose own zone is Berlin's: summer time ends 2026-10-25T01:00Z, and begins 2026-03-29T01:00Z.
    process.env.TZ = 'Europe/Berlin';
    server = await privateServer();
    db = await oldDatabase([T1], { zone: 'SYSTEM', server: { ...addressOf(server.url), database: 'afd' } });
    await db.migrate();
  }, 60_000);
  afterAll(async () => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    await db?.drop();
    await server?.stop();
  });

  // 02:50 + 30 min = 03:20; ten minutes later the clock is put back to 02:00.
  // 01:50 + 30 min = 02:20, which does not exist; ten minutes later it is 03:00.
  it.each([
    ['is half an hour where the zone is an offset, across the end', '+01:00', '2026-10-25T00:50:00Z', 30],
    ['is half an hour where the zone is an offset, across the begin', '+01:00', '2026-03-29T00:50:00Z', 30],
    ['is an hour and a half where the zone has summer time, across its end', 'SYSTEM', '2026-10-25T00:50:00Z', 90],
    ['is ten minutes where the zone has summer time, across its begin', 'SYSTEM', '2026-03-29T00:50:00Z', 10],
    ['is half an hour on any other day', 'SYSTEM', '2026-10-25T02:00:00Z', 30],
  ])('D5 %s', async (_, timeZone, from, minutes) => {
    session = await db.session({ timeZone });
    const id = await retryIn(from, 1800);
    const after = (passed: number) => new Date(Date.parse(from) + passed * 60_000).toISOString();
    for (let passed = 0; passed < minutes; passed += 5) expect(await due(after(passed))).not.toContain(id);
    expect(await due(after(minutes))).toContain(id);
  });

  it('D5 a moment in the hour that comes twice is due the first time, and waits for the second if nobody took it', async () => {
    session = await db.session();
    await at('2026-10-24T12:00:00Z');
    const id = await add('2026-10-25T01:30:00Z');
    for (const [time, is] of [
      ['00:29', false],
      ['00:31', true],
      ['01:05', false],
      ['01:30', true],
    ] as const) {
      expect((await due(`2026-10-25T${time}:00Z`)).includes(id), time).toBe(is);
    }
  });

  it('D5 is reported by migrate, which takes such a zone only when that is accepted', async () => {
    const summer = { zone: 'SYSTEM', from: 'server', daylight_saving: true };
    expect(await assumeZone(db.ask, undefined)).toMatchObject(summer);
    expect(await assumeZone(db.ask, '+01:00')).toMatchObject({ daylight_saving: false, offset_s: 3600 });
  });
});
