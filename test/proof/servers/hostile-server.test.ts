// One server whose globals are set against afd one by one; an ordinary account meets them. Every variable that a session
// sets is tried; without that, tasks were lost (finding F3) and a crawled page became SQL (finding F4).
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as dial, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

const SKIPPED = skipBecause(NO_PRIVATE_SERVER, 'mysqld');
const PASSWORD = 'ordinary';
let server: PrivateServer;
let root: Session;
let isMariaDb: boolean;
let port: number;
let url: string;
let folder: string;
const open: Session[] = [];

function sessionOf(of: string, multiStatements = false): Session {
  const session = new Session({
    address: addressOf(of),
    timeZone: '+00:00',
    idleTimeoutS: 60,
    deadlineMs: 10_000,
    multiStatements,
  });
  open.push(session);
  return session;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'afd-hostile-'));
  server = await privateServer({
    // MySQL 9 has no such option, and believes its clients.
    setup: [
      `CREATE USER IF NOT EXISTS ordinary@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';`,
      "GRANT ALL ON `afd\\_%`.* TO ordinary@'127.0.0.1';",
    ],
    argv: [
      '--character-set-server=gbk',
      '--collation-server=gbk_chinese_ci',
      '--log-bin=binlog',
      '--server-id=7',
      '--loose-character-set-client-handshake=OFF',
    ],
  });
  root = sessionOf(server.url);
  isMariaDb = (await root.ready()).isMariaDb;
  port = Number((await root.rows('SELECT @@port AS port'))[0]!.port);
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
  const database = `afd_${++n}`;
  await root.write(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
  url = `mysql://ordinary:${PASSWORD}@127.0.0.1:${port}/${database}`;
});
afterEach(async () => {
  for (const one of undo.splice(0)) await one();
});

const afd = (...args: string[]) =>
  runCommand(args, { cwd: folder, env: { AFD_DATABASE_URL: url, AFD_DEVICE_ID: 'w1' } });
const table = () => `\`${addressOf(url).database}\`.af_crawl_task`;

describe('finding F3: on a server with autocommit=0', SKIPPED, () => {
  it.each([
    ['as a global', () => hostile('autocommit', 0)],
    ['by init_connect', () => hostile('init_connect', 'SET autocommit = 0')],
  ])('%s, what migrate and tasks add have acknowledged is there', async (_, set) => {
    await set();
    expect(await afd('migrate', 'up')).toMatchObject({ code: 0 });
    const added = await afd('tasks', 'add', '--type', 't1', '--json');
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(await root.rows(`SELECT task_type, status FROM ${table()}`)).toEqual([
      { task_type: 't1', status: 'pending' },
    ]);
    expect((await afd('migrate', 'status')).code).toBe(0);
  });
});

describe('finding F4: on a server that ignores the charset of its clients', SKIPPED, () => {
  it('no text becomes SQL: not a user name, not the error text of a handler', async () => {
    if (isMariaDb) expect(await plainCharset()).toBe('gbk');
    expect((await afd('migrate', 'up')).code).toBe(0);
    await root.write(`CREATE TABLE \`${addressOf(url).database}\`.victim (id INT)`);
    const name = "€',3); DROP TABLE victim; -- ";
    expect(await afd('tasks', 'add', '--type', 't1', '--username', name)).toMatchObject({ code: 0 });
    const text = "price: €'; DROP TABLE victim; -- ";
    await writeFile(join(folder, 'h.mjs'), `export default async () => { throw new Error(${JSON.stringify(text)}); };`);
    await writeFile(join(folder, 'afd.yaml'), 'handlers: { t1: { module: ./h.mjs } }\n');
    const worked = await afd('worker', '--drain');
    await rm(join(folder, 'afd.yaml'));
    // 6: an attempt has failed, with that text.
    expect(worked.code, worked.stderr).toBe(6);
    const [row] = await root.rows(`SELECT username, last_error FROM ${table()}`);
    expect(row).toMatchObject({ username: name, last_error: expect.stringContaining(text.trim()) });
    expect(await root.rows(`SELECT * FROM \`${addressOf(url).database}\`.victim`)).toEqual([]);
  });

  it.each(['gbk', 'latin1', 'big5'])('init_connect that says SET NAMES %s changes no text', async (charset) => {
    await hostile('init_connect', `SET NAMES ${charset}`);
    const session = sessionOf(url);
    await session.ready();
    expect((await session.rows("SELECT ? AS text, HEX('é€😀') AS hex", ["€'ı\\😀"]))[0]).toEqual({
      text: "€'ı\\😀",
      hex: 'C3A9E282ACF09F9880',
    });
  });
});

describe('a session is what afd needs, whatever the server says of', SKIPPED, () => {
  const SETTINGS: Array<[string, string | number, string | number, ('mariadb' | 'mysql')?]> = [
    ['autocommit', 0, 1],
    ['completion_type', 'RELEASE', 'NO_CHAIN'],
    ['sql_select_limit', 1, 18446744073709551615n.toString()],
    ['sql_safe_updates', 1, 0],
    ['max_join_size', 1, 1],
    ['sql_auto_is_null', 1, 0],
    ['unique_checks', 0, 1],
    ['foreign_key_checks', 0, 1],
    ['check_constraint_checks', 0, 1, 'mariadb'],
    ['div_precision_increment', 0, 4],
    ['max_sort_length', 64, 1024],
    ['innodb_lock_wait_timeout', 1, 5],
    ['wait_timeout', 1, 60],
    ['max_statement_time', 1, 8, 'mariadb'],
    ['tx_isolation', 'SERIALIZABLE', 'READ-COMMITTED', 'mariadb'],
    ['tx_read_only', 1, 0, 'mariadb'],
    ['max_execution_time', 1000, 8000, 'mysql'],
    ['transaction_isolation', 'SERIALIZABLE', 'READ-COMMITTED', 'mysql'],
    ['transaction_read_only', 1, 0, 'mysql'],
  ];
  it.for(SETTINGS)('%s = %s', async ([name, bad, good, only], { skip }) => {
    if (only !== undefined && only !== (isMariaDb ? 'mariadb' : 'mysql')) return skip('the other server has it');
    await hostile(name, bad);
    for (const multiStatements of [false, true]) {
      const session = sessionOf(url, multiStatements);
      await session.ready();
      const [row] = await session.rows(`SELECT @@session.${name} AS now, @@session.sql_big_selects AS big`);
      expect(String(row!.now).replace(/\.0+$/, '')).toBe(String(good));
      expect(row!.big).toBe(1);
    }
  });

  it('sql_mode', async () => {
    await hostile('sql_mode', 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH');
    const session = sessionOf(url);
    await session.ready();
    expect((await session.rows('SELECT "a" AS a, ? AS b, 1 || 0 AS c', ["\\'"]))[0]).toEqual({
      a: 'a',
      b: "\\'",
      c: 1,
    });
  });
});

describe('what a session cannot have', SKIPPED, () => {
  it('because something between swallows a SET is refused, with the variable, its value, and a line to try', async () => {
    await hostile('autocommit', 0);
    const between = await rewriting('autocommit = 1', 'autocommit = 0');
    try {
      const address = new URL(url);
      address.port = String((between.address() as { port: number }).port);
      await expect(sessionOf(address.href).ready()).rejects.toMatchObject({
        code: 'E_CONFIG',
        retry: 'final',
        message: expect.stringMatching(/autocommit.*is 0, but must be 1/),
        suggestions: ['SET GLOBAL autocommit = 1;'],
      });
    } finally {
      between.close();
    }
  });

  it('since the binary log could not carry its writes (STATEMENT) is reported as a setting of the server', async () => {
    expect((await afd('migrate', 'up')).code).toBe(0);
    await hostile('binlog_format', 'STATEMENT');
    const added = await afd('tasks', 'add', '--type', 't1');
    expect(added.code).toBe(78);
    expect(added.stderr).toMatch(/setting of the server.*BINLOG_FORMAT = STATEMENT/s);
  });
});

describe('a COMMIT that is broken off', SKIPPED, () => {
  it('is not repeated: nobody knows whether it was carried out', async ({ skip }) => {
    if (!isMariaDb) return skip('BACKUP STAGE is MariaDB’s');
    await root.write(`CREATE TABLE \`${addressOf(url).database}\`.t (id INT PRIMARY KEY) ENGINE=InnoDB`);
    const session = sessionOf(url);
    const { connectionId } = await session.ready();
    const blocker = sessionOf(server.url);
    await blocker.ready();
    let runs = 0;
    const committed = transaction(session, async () => {
      runs += 1;
      await session.write('INSERT INTO t VALUES (1)');
      for (const stage of ['START', 'FLUSH', 'BLOCK_DDL', 'BLOCK_COMMIT']) await blocker.write(`BACKUP STAGE ${stage}`);
    });
    const refused = expect(committed).rejects.toMatchObject({ retry: 'connection', errno: 1317 });
    await until(async () => {
      const [row] = await root.rows('SELECT STATE AS state FROM information_schema.PROCESSLIST WHERE ID = ?', [
        connectionId,
      ]);
      return /backup|metadata/i.test(String(row?.state));
    });
    await root.write(`KILL QUERY ${connectionId}`);
    await refused;
    await blocker.write('BACKUP STAGE END');
    expect(runs).toBe(1);
    expect(session.alive).toBe(false);
  });
});

/** What a client gets that does not say SET NAMES. */
async function plainCharset(): Promise<string> {
  const plain = await mysql.createConnection(url);
  const [rows] = await plain.query('SELECT @@character_set_client AS name');
  await plain.end();
  return (rows as Array<{ name: string }>)[0]!.name;
}

/** A way to the server on which one text of a packet is another of the same length. */
async function rewriting(from: string, to: string): Promise<Server> {
  const proxy = createServer((client) => {
    const upstream = dial(port, '127.0.0.1');
    client.on('data', (data) => upstream.write(Buffer.from(data.toString('latin1').replace(from, to), 'latin1')));
    upstream.pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return proxy;
}
