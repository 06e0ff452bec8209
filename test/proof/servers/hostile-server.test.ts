// One server whose globals are set against afd one by one; an ordinary account meets them. Every variable that a session
// sets is tried; without that, tasks were lost (finding F3) and a crawled page became SQL (finding F4).
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { sessionOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

const SKIPPED = skipBecause(NO_PRIVATE_SERVER, 'mysqld');
const PASSWORD = 'ordinary';
let server: PrivateServer;
let root: Session;
let isMariaDb: boolean;
let schema: string;
let url: string;
let folder: string;
const open: Session[] = [];

async function opened(of: string, multiStatements = false): Promise<Session> {
  const session = sessionOf(addressOf(of), { multiStatements });
  open.push(session);
  await session.ready();
  return session;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'afd-hostile-'));
  server = await privateServer({
    setup: [
      `CREATE USER IF NOT EXISTS ordinary@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';`,
      "GRANT ALL ON `afd\\_%`.* TO ordinary@'127.0.0.1';",
    ],
    argv: [
      ...['--character-set-server=gbk', '--collation-server=gbk_chinese_ci', '--log-bin=binlog', '--server-id=7'],
      // MySQL 9 has no such option, and believes its clients.
      '--loose-character-set-client-handshake=OFF',
    ],
  });
  root = await opened(server.url);
  isMariaDb = root.facts.isMariaDb;
});
afterAll(async () => {
  await Promise.all(open.map((one) => one.close()));
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Sets a global for one test. */
const undo: Array<() => Promise<unknown>> = [];
async function hostile(name: string, value: string | number): Promise<void> {
  const [row] = await root.rows(`SELECT @@global.${name} AS old`);
  const set = (to: unknown) =>
    root.write(`SET GLOBAL ${name} = ${/^[\d.]+$/.test(String(to)) ? to : mysql.escape(String(to))}`);
  await set(value);
  undo.unshift(() => set(row!.old));
}
let n = 0;
beforeEach(async () => {
  schema = `afd_${++n}`;
  await root.write(`CREATE DATABASE ${schema} CHARACTER SET utf8mb4`);
  url = `mysql://ordinary:${PASSWORD}@127.0.0.1:${new URL(server.url).port}/${schema}`;
});
afterEach(async () => {
  for (const one of undo.splice(0)) await one();
});

const afd = (...args: string[]) =>
  runCommand(args, { cwd: folder, env: { AFD_DATABASE_URL: url, AFD_DEVICE_ID: 'w1' } });

describe('finding F3: on a server with autocommit=0', SKIPPED, () => {
  it.each([
    ['autocommit', 0],
    ['init_connect', 'SET autocommit = 0'],
  ])('by %s, what migrate and tasks add have acknowledged is there', async (name, value) => {
    await hostile(name, value);
    expect(await afd('migrate', 'up')).toMatchObject({ code: 0 });
    expect(await afd('tasks', 'add', '--type', 't1')).toMatchObject({ code: 0, stderr: '' });
    expect(await root.rows(`SELECT task_type, status FROM ${schema}.af_crawl_task`)).toEqual([
      { task_type: 't1', status: 'pending' },
    ]);
    expect((await afd('migrate', 'status')).code).toBe(0);
  });
});

describe('finding F4: on a server that ignores the charset of its clients', SKIPPED, () => {
  it('no text becomes SQL: not a user name, not the error text of a handler', async () => {
    // What a client gets that does not say SET NAMES.
    const plain = await mysql.createConnection(url);
    const [rows] = await plain.query('SELECT @@character_set_client AS name');
    await plain.end();
    if (isMariaDb) expect(rows).toEqual([{ name: 'gbk' }]);
    expect((await afd('migrate', 'up')).code).toBe(0);
    await root.write(`CREATE TABLE ${schema}.victim (id INT)`);
    const name = "€',3); DROP TABLE victim; -- ";
    expect(await afd('tasks', 'add', '--type', 't1', '--username', name)).toMatchObject({ code: 0 });
    const text = "price: €'; DROP TABLE victim; -- ";
    await writeFile(join(folder, 'h.mjs'), `export default async () => { throw new Error(${JSON.stringify(text)}); };`);
    await writeFile(join(folder, 'afd.yaml'), 'handlers: { t1: { module: ./h.mjs } }\n');
    const worked = await afd('worker', '--drain');
    await rm(join(folder, 'afd.yaml'));
    // 6: an attempt has failed, with that text.
    expect(worked.code, worked.stderr).toBe(6);
    const [row] = await root.rows(`SELECT username, last_error FROM ${schema}.af_crawl_task`);
    expect(row).toMatchObject({ username: name, last_error: expect.stringContaining(text.trim()) });
    expect(await root.rows(`SELECT * FROM ${schema}.victim`)).toEqual([]);
    await hostile('init_connect', 'SET NAMES big5');
    const session = await opened(url);
    const [read] = await session.rows("SELECT ? AS text, HEX('é€😀') AS hex", ["€'ı\\😀"]);
    expect(read).toEqual({ text: "€'ı\\😀", hex: 'C3A9E282ACF09F9880' });
  });
});

it('a session is what afd needs, whatever the server says of anything else', SKIPPED, async () => {
  const zero = ['autocommit', 'unique_checks', 'foreign_key_checks', 'div_precision_increment'];
  const one = ['sql_select_limit', 'sql_safe_updates', 'max_join_size', 'sql_auto_is_null', 'innodb_lock_wait_timeout'];
  const bad: Record<string, string | number> = isMariaDb
    ? { check_constraint_checks: 0, max_statement_time: 1, tx_isolation: 'SERIALIZABLE', tx_read_only: 1 }
    : { max_execution_time: 1000, transaction_isolation: 'SERIALIZABLE', transaction_read_only: 1 };
  for (const name of zero) bad[name] = 0;
  for (const name of one) bad[name] = 1;
  Object.assign(bad, { completion_type: 'RELEASE', max_sort_length: 64, wait_timeout: 1 });
  bad.sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH';
  for (const [name, value] of Object.entries(bad)) await hostile(name, value);
  for (const multiStatements of [false, true]) {
    // It opens only when it has read back what it set.
    const session = await opened(url, multiStatements);
    const now = Object.keys(bad).map((name) => `@@session.${name} AS ${name}`);
    const [row] = await session.rows(`SELECT ${now.join(', ')}, @@session.sql_big_selects AS big`);
    expect(row).toMatchObject({
      autocommit: 1,
      foreign_key_checks: 1,
      wait_timeout: 60,
      max_sort_length: 1024,
      big: 1,
    });
    const same = Object.entries(bad).filter(([name, value]) => String(row![name]) === String(value));
    // With sql_big_selects nothing is too big.
    expect(same.map(([name]) => name)).toEqual(['max_join_size']);
    const [text] = await session.rows('SELECT "a" AS a, ? AS b, 1 || 0 AS c', ["\\'"]);
    expect(text).toEqual({ a: 'a', b: "\\'", c: 1 });
  }
});

it(
  'a binary log that cannot carry its writes (STATEMENT) is reported as a setting of the server',
  SKIPPED,
  async () => {
    expect((await afd('migrate', 'up')).code).toBe(0);
    await hostile('binlog_format', 'STATEMENT');
    const added = await afd('tasks', 'add', '--type', 't1');
    expect([added.code, added.stderr]).toEqual([
      78,
      expect.stringMatching(/setting of the server.*BINLOG_FORMAT = STATEMENT/s),
    ]);
  },
);
