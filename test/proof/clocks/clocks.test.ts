// E1: no node's clock matters. Real processes, each with another wall clock (libfaketime) and another TZ, on a server whose
// global time_zone is a third one, over an adopted table in a fourth.
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type OldDatabase, oldDatabase, T1 } from '../../db/migrations/old-table.ts';
import { addressOf } from '../../helpers/database.ts';
import { fleet } from '../../helpers/fleet.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

// MT: a worker has threads.
const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((place) => `/usr/lib/${place}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const SKIPPED =
  LIBRARY === undefined
    ? skipBecause('libfaketime is not installed (apt-get install libfaketime): no clock was moved', 'libfaketime')
    : skipBecause(NO_PRIVATE_SERVER, 'mysqld');

/** Environment of a node whose wall clock is `seconds` off; its monotonic clock runs as it should. */
const node = (skew: number, TZ: string) => ({
  LD_PRELOAD: LIBRARY!,
  FAKETIME: `${skew < 0 ? '' : '+'}${skew}s`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  TZ,
});
const NODES = [
  { skew: 600, TZ: 'America/Mexico_City' },
  { skew: -600, TZ: 'Asia/Shanghai' },
  { skew: 0, TZ: 'UTC' },
];
const ZONE = '+08:00';

describe('E1 clocks and zones that all disagree', SKIPPED, () => {
  let server: PrivateServer;
  let db: OldDatabase;
  let user: Session;
  beforeAll(async () => {
    server = await privateServer();
    const create = [T1.replaceAll('af_crawl_tasks', 'af_crawl_task')];
    const address = { ...addressOf(server.url), database: 'afd' };
    db = await oldDatabase(create, { task: 'af_crawl_task', zone: ZONE, server: address });
    await db.admin.write("SET GLOBAL time_zone = '-06:00'");
    await db.migrate();
    // A program of theirs: its session is in the table's zone.
    user = await db.session({ timeZone: ZONE });
  }, 60_000);
  afterAll(async () => {
    await db?.drop();
    await server?.stop();
  });
  beforeEach(async () => {
    for (const table of [db.names.assignment, db.names.task, db.names.device])
      await db.admin.write(`DELETE FROM ${table}`);
  });

  it('E1 lead to the same tasks in the same order: what is due by the database, best first', {
    timeout: 120_000,
  }, async (test) => {
    const orders: string[][] = [];
    for (const { skew, TZ } of NODES) {
      for (const table of [db.names.assignment, db.names.task]) await db.admin.write(`DELETE FROM ${table}`);
      await user.write(`INSERT INTO af_crawl_task (task_type, username, priority, next_run_at) VALUES
        ('work', 'second', 5, NOW() - INTERVAL 2 MINUTE), ('work', 'third', 5, NOW() - INTERVAL 1 MINUTE),
        ('work', 'first', 9, NOW()), ('work', 'in 5 min', 10, NOW() + INTERVAL 5 MINUTE), ('work', 'last', 1, NOW() - INTERVAL 1 DAY)`);
      const f = await fleet(test, db, { database: { time_zone: ZONE } });
      const args = ['--slots', '1', '--drain'];
      const worker = f.start('worker', { deviceId: `skewed${skew}`, args, env: node(skew, TZ) });
      expect((await worker.exit).code).toBe(0);
      const rows = await user.rows(
        `SELECT t.username AS name FROM ${db.names.assignment} a JOIN ${db.names.task} t ON t.id = a.task_id ORDER BY a.id`,
      );
      orders.push(rows.map(({ name }) => name));
    }
    expect(orders).toEqual(NODES.map(() => ['first', 'second', 'third', 'last']));
  });

  it('E1 make nobody dead who lives, and nothing late that is not; a real death is still seen', {
    timeout: 120_000,
  }, async (test) => {
    await user.write(`INSERT INTO af_crawl_task (task_type, username, task_data, execution_timeout) VALUES
      ('work', 'long', '{"gate": "open"}', 60), ('work', 'hangs', '{"gate": "never"}', 2)`);
    const f = await fleet(test, db, { database: { time_zone: ZONE }, master: { heartbeat_timeout: 10 } });
    const [fast, slow] = NODES;
    const args = ['--slots', '2', '--no-leader'];
    const ahead = f.start('worker', { deviceId: 'ahead', args, env: node(fast!.skew, fast!.TZ) });
    /** The first attempt of a task. */
    const attempt = async (name: string) =>
      (
        await user.rows(
          `SELECT a.status, TIMESTAMPDIFF(MICROSECOND, a.assigned_at, a.completed_at) / 1000000 AS took
           FROM ${db.names.assignment} a JOIN ${db.names.task} t ON t.id = a.task_id WHERE t.username = ? ORDER BY a.id LIMIT 1`,
          [name],
        )
      )[0];
    const ended = (name: string, status: string) =>
      until(async () => (await attempt(name))?.status === status, 40_000, `${status} of ${name}`);
    await until(async () => (await attempt('long')) !== undefined, 20_000, 'the claim');
    // The leader lives ten minutes in the past, its worker ten in the future.
    const behind = f.start('leader', { deviceId: 'behind', env: node(slow!.skew, slow!.TZ) });
    await ended('hangs', 'timeout');
    const took = Number((await attempt('hangs'))?.took);
    expect([took > 1.9, took < 30]).toEqual([true, true]);
    await behind.event('leader:gained');
    expect(await attempt('long')).toEqual({ status: 'running', took: null });
    expect(behind.lines.filter(({ event }) => event === 'device:dead')).toEqual([]);
    ahead.kill('SIGKILL');
    await behind.event('device:dead');
    await ended('long', 'lost');
  });
});
