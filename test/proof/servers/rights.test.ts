// Finding B7: the rights that SECURITY.md prints are enough. Its statements are run as they
// stand there, on a server of this file's own.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import { type CommandRun, runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { type PrivateServer, privateServer } from '../../helpers/server.ts';

const ADMIN = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`);
const SESSION = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 20_000, multiStatements: true };
const OLD = `INSERT INTO af_device_heartbeat (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL 30 DAY)`;

let server: PrivateServer;
let admin: Session;
let dir: string;
let statements: string[];

const statementsOf = (page: string) =>
  [...page.matchAll(/^```sql\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.replace(/^--.*$/gm, '').split(';'))
    .map((one) => one.trim())
    .filter((one) => one !== '');
const urlOf = (user: string) => {
  const url = new URL(server.url);
  url.username = user;
  url.password = 'password';
  // By TCP: an account of any host must do.
  url.searchParams.delete('socket');
  return url.href;
};
const as = (user: string, ...args: string[]): Promise<CommandRun> =>
  runCommand(args, { cwd: dir, env: { AFD_DATABASE_URL: urlOf(user), AFD_LOG_FORMAT: 'json' } });
const asJson = async (user: string, ...args: string[]) => {
  const run = await as(user, ...args, '--json');
  return { ...run, json: JSON.parse(run.stdout) };
};
const sessionOf = async (user: string) => {
  const session = new Session({ ...SESSION, address: addressOf(urlOf(user)) });
  await session.ready();
  return session;
};
const grantsTo = (user: string) => statements.filter((one) => one.startsWith('GRANT ') && one.includes(`'${user}'@`));
const count = async (sql: string) => Number((await admin.rows(sql))[0]?.n);

beforeAll(async () => {
  server = await privateServer({ setup: ADMIN });
  admin = new Session({ ...SESSION, address: addressOf(server.url) });
  await admin.ready();
  dir = await mkdtemp(join(tmpdir(), 'afd-rights-'));
  await writeFile(
    join(dir, 'hello.mjs'),
    "export default async (task, ctx) => { ctx.progress(1, 2); await ctx.checkpoint(1); if (task.attempt === 1 && !task.task_data.last) ctx.enqueue({ task_type: 'hello', task_data: { last: true } }); return { ok: true }; };",
  );
  const config = { handlers: { hello: { module: './hello.mjs' } }, worker: { device_id: 'w' } };
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify(config));
  statements = statementsOf(await readFile(new URL('../../../SECURITY.md', import.meta.url), 'utf8'));
  const ofMigrator = statements.filter((one) => one.includes("'afd_migrate'@"));
  for (const sql of ofMigrator) await admin.write(sql);
  expect((await as('afd_migrate', 'migrate')).code).toBe(0);
  for (const sql of statements) if (!ofMigrator.includes(sql)) await admin.write(sql);
}, 120_000);
afterAll(async () => {
  await admin?.close();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe.sequential('finding B7: with the rights that SECURITY.md prints', () => {
  it('they are GRANT statements for four accounts', () => {
    expect(statements.length).toBeGreaterThan(8);
    expect(statements.filter((one) => !/^(GRANT|CREATE USER) /.test(one))).toEqual([]);
    for (const user of ['afd_migrate', 'afd_worker', 'afd_producer', 'afd_program']) {
      expect(grantsTo(user).length).toBeGreaterThan(0);
    }
  });

  it('afd migrate makes, checks and takes back the tables, foreign keys included', async () => {
    expect(await as('afd_migrate', 'migrate', '--check')).toMatchObject({ code: 0 });
    // Foreign keys take the partitions from the heartbeats: in tables of their own.
    const tables = { AFD_TABLES_PREFIX: 'fk_', AFD_TABLES_TASK: 'fk_task' };
    const other = (...args: string[]) =>
      runCommand(args, { cwd: dir, env: { AFD_DATABASE_URL: urlOf('afd_migrate'), ...tables } });
    for (const args of [['--foreign-keys'], ['--check'], ['down', '--force']]) {
      const run = await other('migrate', ...args);
      expect([args, run.code, run.stderr]).toEqual([args, 0, '']);
    }
  });

  it('a producer adds, imports and lists tasks, and writes nothing else', async () => {
    const added = await asJson(
      'afd_producer',
      'tasks',
      'add',
      '--type',
      'hello',
      '--dedupe-key',
      'one',
      '--priority',
      '7',
    );
    expect(added).toMatchObject({ code: 0, json: { created: true } });
    const again = await asJson('afd_producer', 'tasks', 'add', '--type', 'hello', '--dedupe-key', 'one');
    expect(again).toMatchObject({ code: 0, json: { created: false, task_id: added.json.task_id } });
    await writeFile(
      join(dir, 'tasks.csv'),
      'task_type,username,app_id,start_date,end_date,priority,required_capabilities,dedupe_key,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key,task_data\n' +
        'hello,u,a,2024-01-01,2024-01-02,5,{},k1,,2,60,30,c,{}\nhello,u,,,,,,k2,,,,,,\n',
    );
    const imported = await asJson('afd_producer', 'tasks', 'import', 'tasks.csv');
    expect(imported).toMatchObject({ code: 0, json: { added: 2 } });
    expect(await as('afd_producer', 'tasks', 'ls')).toMatchObject({ code: 0 });
    const refused = await asJson('afd_producer', 'tasks', 'cancel', String(added.json.task_id));
    expect(refused).toMatchObject({ code: 4, json: { error: { code: 'E_FORBIDDEN' } } });
  });

  it('a program inserts tasks by the named columns alone', async () => {
    const program = await sessionOf('afd_program');
    await program.write("INSERT INTO af_crawl_task (task_type, username, task_data) VALUES ('hello', 'u', '{}')");
    for (const column of ['attempt', 'status', 'claim_token', 'target_device_id', 'id']) {
      await expect(
        program.write(`INSERT INTO af_crawl_task (task_type, ${column}) VALUES ('hello', 1)`),
      ).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    }
    await expect(program.rows('SELECT id FROM af_crawl_task')).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    await program.close();
  });

  it('a worker runs tasks and enqueues further ones, and a leader does each of its duties', async () => {
    await admin.write(OLD);
    const leader = await asJson('afd_worker', 'leader', '--once', '--device-id', 'l');
    expect(leader).toMatchObject({ code: 0, json: { led: true, duties: { failed: {} } } });
    expect(leader.json.duties.counts.prune.added).toBeGreaterThan(0);
    const worker = await asJson('afd_worker', 'worker', '--drain');
    expect(worker).toMatchObject({ code: 0, json: { ended_by: 'drained' } });
    expect(await count("SELECT COUNT(*) AS n FROM af_crawl_task WHERE status <> 'done'")).toBe(0);
    expect(await count('SELECT COUNT(*) AS n FROM af_task_progress WHERE done = 1 AND total = 2')).toBe(8);
    expect(await count('SELECT COUNT(*) AS n FROM af_task_checkpoint')).toBe(0);
    expect(await count("SELECT COUNT(*) AS n FROM af_crawl_task WHERE parent_id IS NOT NULL AND status = 'done'")).toBe(
      4,
    );
  });

  it('an operator lists, cancels, retries, reassigns, pauses and removes', async () => {
    const { json } = await asJson('afd_worker', 'tasks', 'add', '--type', 'hello');
    const id = String(json.task_id);
    for (const args of [
      ['tasks', 'show', id],
      ['tasks', 'reassign', id],
      ['tasks', 'cancel', id],
      ['tasks', 'retry', id],
      ['tasks', 'ls'],
      ['devices', 'ls'],
      ['devices', 'show', 'w'],
      ['devices', 'pause', 'w'],
      ['devices', 'resume', 'w'],
      ['devices', 'register', '--device-id', 'by-hand'],
      ['devices', 'rm', 'by-hand'],
      ['config', 'apply', '--dry-run'],
      ['config', 'show'],
      ['leader', 'status'],
      ['leader', 'resign'],
      ['migrate', 'status'],
    ]) {
      expect([args.join(' '), (await as('afd_worker', ...args)).code]).toEqual([args.join(' '), 0]);
    }
  });
});

describe.sequential('finding B7: with a right less', () => {
  const without = async (sql: string, work: () => Promise<void>) => {
    const [, rights, on, to] = /^GRANT (.+) ON (\S+) TO (.+)$/.exec(sql)!;
    await admin.write(`REVOKE ${rights} ON ${on} FROM ${to}`);
    try {
      await work();
    } finally {
      await admin.write(sql);
    }
  };

  it('a leader that may not change the days of the heartbeats deletes old rows, and says once which GRANT is missing', async () => {
    const ddl = grantsTo('afd_worker').find((one) => one.includes('af_device_heartbeat'))!;
    await admin.write(
      'ALTER TABLE af_device_heartbeat PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))',
    );
    await admin.write(OLD);
    await without(ddl, async () => {
      const run = await asJson('afd_worker', 'leader', '--once', '--device-id', 'l');
      expect(run).toMatchObject({ code: 0, json: { led: true, duties: { failed: {} } } });
      expect(run.json.duties.counts.prune.deleted).toBeGreaterThan(0);
      const lines = run.stderr.split('\n').filter((line) => line.includes('row by row'));
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        {
          level: 'info',
          message: expect.stringMatching(/: GRANT ALTER ON `afd`\.`af_device_heartbeat` TO 'afd_worker'@'%';$/),
        },
      ]);
    });
    expect(
      await count(
        'SELECT COUNT(*) AS n FROM af_device_heartbeat WHERE heartbeat_time < UTC_TIMESTAMP(3) - INTERVAL 20 DAY',
      ),
    ).toBe(0);
    const again = await asJson('afd_worker', 'leader', '--once', '--device-id', 'l');
    expect(again.json.duties.counts.prune.added).toBeGreaterThan(0);
  });

  it('the error names the GRANT, and with it the command works', async () => {
    const producer = grantsTo('afd_producer').find((one) => one.includes('INSERT'))!;
    await without(producer, async () => {
      const { code, json } = await asJson('afd_producer', 'tasks', 'add', '--type', 'hello');
      expect([code, json.error.code]).toEqual([4, 'E_FORBIDDEN']);
      const [grant] = json.error.suggestions as string[];
      expect((json.error.suggestions as string[])[1]).toBe('afd db grants --role producer');
      expect(grant).toMatch(/^GRANT INSERT.* ON `afd`\.`af_crawl_task` TO 'afd_producer'@'%';$/);
      await admin.write(grant!);
      expect(await as('afd_producer', 'tasks', 'add', '--type', 'hello')).toMatchObject({ code: 0 });
      await admin.write(grant!.replace(/^GRANT (.*) TO /, 'REVOKE $1 FROM '));
    });
  });

  it('a wrong password and a missing right have different errors', async () => {
    const url = urlOf('afd_worker').replace('password', 'wrong');
    const run = await runCommand(['status', '--json'], { cwd: dir, env: { AFD_DATABASE_URL: url } });
    expect(run.code).toBe(4);
    expect(JSON.parse(run.stdout).error).toMatchObject({ code: 'E_FORBIDDEN', suggestions: ['afd config show'] });
    await admin.write("CREATE USER 'nobody'@'%' IDENTIFIED BY 'password'");
    const none = await asJson('nobody', 'status');
    expect(none.json.error).toMatchObject({
      code: 'E_FORBIDDEN',
      suggestions: ['afd db grants --role readonly --user nobody'],
    });
  });
});
