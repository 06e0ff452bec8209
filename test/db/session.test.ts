import mysql from 'mysql2/promise';
import { expect } from 'vitest';
import { isOverLimit } from '../../src/core/db/server/statement-limit.ts';
import { Session } from '../../src/core/db/session.ts';
import { db, it, useDatabase } from '../helpers/database-here.ts';
import { MET } from '../helpers/hostile.ts';
import { skipBecause } from '../helpers/skip.ts';

useDatabase();

it('a session is READ COMMITTED, strict, in the zone that was asked for, and counts matched rows', async () => {
  const session = await db.session({ timeZone: '+08:00', idleTimeoutS: 17 });
  const [zone] = await session.rows(
    'SELECT @@session.time_zone AS tz, @@session.wait_timeout AS w, @@session.sql_mode AS mode',
  );
  expect(zone).toMatchObject({ tz: '+08:00', w: 17 });
  expect(zone!.mode).toMatch(/STRICT_TRANS_TABLES/);
  await session.write("INSERT INTO af_setting (name, value) VALUES ('a', '1')");
  expect((await session.write("UPDATE af_setting SET value = '1' WHERE name = 'a'")).affectedRows).toBe(1);
  const other = await db.session();
  await session.write('START TRANSACTION');
  await session.rows('SELECT * FROM af_setting');
  await other.write("UPDATE af_setting SET value = '2' WHERE name = 'a'");
  expect((await session.rows("SELECT value FROM af_setting WHERE name = 'a'"))[0]!.value).toBe('2');
  await session.write('ROLLBACK');
});

it('a session ends a call that takes longer than its deadline, and opens another connection when asked', async () => {
  const session = await db.session({ deadlineMs: 100 });
  const before = session.facts.connectionId;
  await session.write(session.facts.isMariaDb ? 'SET max_statement_time = 0' : 'SET max_execution_time = 0');
  await expect(session.rows('SELECT SLEEP(5)')).rejects.toMatchObject({ code: 'E_DATABASE', retry: 'connection' });
  expect(session.alive).toBe(false);
  await session.ready();
  expect(session.facts.connectionId).not.toBe(before);
  expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('a session takes an answer that came while its own process stood still, however late it reads it', async () => {
  const session = await db.session({ deadlineMs: 500 });
  const call = session.rows('SELECT SLEEP(0.1) AS slept');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  expect(await call).toEqual([{ slept: 0 }]);
  expect(session.alive).toBe(true);
});

it('a session has the server end a read before that, and lives on: what nobody waits for any more does not go on there', async () => {
  const session = await db.session({ deadlineMs: 60_000 });
  const before = session.facts.connectionId;
  const [name, limit, shorter] = session.facts.isMariaDb
    ? (['max_statement_time', 48, 0.2] as const)
    : (['max_execution_time', 48_000, 200] as const);
  expect(Number((await session.rows(`SELECT @@session.${name} AS value`))[0]!.value)).toBe(limit);
  await session.write(`SET ${name} = ${shorter}`);
  const endless =
    'SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c';
  const error = await session.rows(endless).catch((one: unknown) => one);
  expect(error).toMatchObject({ code: 'E_TEMPORARY', retry: 'transaction' });
  expect(isOverLimit(error)).toBe(true);
  await session.ready();
  expect(session.facts.connectionId).toBe(before);
  expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('a session refuses a statement that is too large before it is sent, and lives on', async () => {
  const session = await db.session();
  const text = 'x'.repeat(session.facts.maxAllowedPacket);
  await expect(session.rows('SELECT LENGTH(?)', [text])).rejects.toThrow(/max_allowed_packet/);
  expect(session.alive).toBe(true);
  expect(await session.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

it('a session says which server cannot be reached, without the password, and cannot be used after it was closed', async () => {
  const address = { host: '127.0.0.1', port: 1, user: 'u', password: 'secret', database: 'd' };
  const options = { timeZone: '+00:00', idleTimeoutS: 10, deadlineMs: 1000, multiStatements: false };
  const session = new Session({ address, ...options });
  const error = await session.ready().catch((raw: Error) => raw);
  expect(error).toMatchObject({ code: 'E_DATABASE', exitCode: 69 });
  expect((error as Error).message).toMatch(/127\.0\.0\.1:1\/d/);
  expect((error as Error).message).not.toMatch(/secret/);
  await session.close();
  await expect(session.ready()).rejects.toThrow(/closed/);
});

const ordinary = process.env.AFD_TEST_HOSTILE === undefined ? 'this server is an ordinary one' : undefined;
it('a session has nothing of what a hostile server hands out', skipBecause(ordinary), async () => {
  const names = Object.keys(MET).map((name) => `@@session.${name} AS ${name}`);
  const { socketPath, ...address } = db.address;
  const plain = await mysql.createConnection(socketPath === undefined ? address : db.address);
  try {
    expect((await plain.query(`SELECT ${names.join(', ')}`))[0]).toEqual([MET]);
  } finally {
    await plain.end();
  }
  const session = await db.session();
  expect((await session.rows(`SELECT ${names.join(', ')}`))[0]).toMatchObject({ autocommit: 1, unique_checks: 1 });
});
