// Finding B7: the rights that SECURITY.md prints are enough. Its statements are run as they
// stand there, on a server of this file's own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readProjectFile } from '../../contracts/project-files.ts';
import { type AdminServer, adminServer } from '../../helpers/admin-server.ts';
import { runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { sessionOf } from '../../helpers/schema-of.ts';

const OLD = `INSERT INTO af_device_heartbeat (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL 30 DAY)`;

let own: AdminServer;
let dir: string;
const statements = [...(readProjectFile('SECURITY.md') ?? '').matchAll(/^```sql\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.replace(/^--.*$/gm, '').split(';'))
  .map((one) => one.trim())
  .filter((one) => one !== '');

const urlOf = (user: string) => own.urlOf(user, 'password');
const as = (user: string, args: string[], env: Record<string, string> = {}) =>
  runCommand(args, { cwd: dir, env: { AFD_DATABASE_URL: urlOf(user), AFD_LOG_FORMAT: 'json', ...env } });
const asJson = async (user: string, ...args: string[]) => {
  const run = await as(user, [...args, '--json']);
  return { ...run, json: JSON.parse(run.stdout) };
};
const leads = () => asJson('afd_worker', 'leader', '--once', '--device-id', 'l');

beforeAll(async () => {
  own = await adminServer();
  dir = await mkdtemp(join(tmpdir(), 'afd-rights-'));
  await writeFile(
    join(dir, 'hello.mjs'),
    "export default async (task, ctx) => { ctx.progress(1, 2); await ctx.checkpoint(1); if (!task.task_data.last) ctx.enqueue({ task_type: 'hello', task_data: { last: true } }); return { ok: true }; };",
  );
  const config = { handlers: { hello: { module: './hello.mjs' } }, worker: { device_id: 'w' } };
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify(config));
  const ofMigrator = statements.filter((one) => one.includes("'afd_migrate'@"));
  for (const sql of ofMigrator) await own.admin.write(sql);
  expect((await as('afd_migrate', ['migrate'])).code).toBe(0);
  for (const sql of statements) if (!ofMigrator.includes(sql)) await own.admin.write(sql);
}, 120_000);
afterAll(async () => {
  await own?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe.sequential('finding B7: with the rights that SECURITY.md prints', () => {
  it('afd migrate makes, checks and takes back the tables, foreign keys included', async () => {
    expect(await as('afd_migrate', ['migrate', '--check'])).toMatchObject({ code: 0 });
    // Foreign keys take the partitions from the heartbeats: in tables of their own.
    const tables = { AFD_TABLES_PREFIX: 'fk_', AFD_TABLES_TASK: 'fk_task' };
    for (const args of [['--foreign-keys'], ['--check'], ['down', '--force']]) {
      const run = await as('afd_migrate', ['migrate', ...args], tables);
      expect([args, run.code, run.stderr]).toEqual([args, 0, '']);
    }
  });

  it('a producer adds, imports and lists tasks and cancels none, a program inserts by the named columns alone', async () => {
    const one = () => asJson('afd_producer', 'tasks', 'add', '--type', 'hello', '--dedupe-key', 'one');
    const { json } = await one();
    expect(await one()).toMatchObject({ code: 0, json: { created: false, task_id: json.task_id } });
    await writeFile(
      join(dir, 'tasks.csv'),
      'task_type,username,app_id,start_date,end_date,priority,required_capabilities,dedupe_key,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key,task_data\n' +
        'hello,u,a,2024-01-01,2024-01-02,5,{},k1,,2,60,30,c,{}\nhello,u,,,,,,k2,,,,,,\n',
    );
    const imported = await asJson('afd_producer', 'tasks', 'import', 'tasks.csv');
    expect(imported).toMatchObject({ code: 0, json: { added: 2 } });
    expect(await as('afd_producer', ['tasks', 'ls'])).toMatchObject({ code: 0 });
    expect(await as('afd_producer', ['tasks', 'cancel', String(json.task_id)])).toMatchObject({ code: 4 });

    const program = sessionOf(addressOf(urlOf('afd_program')), {});
    await program.ready();
    await program.write("INSERT INTO af_crawl_task (task_type, username, task_data) VALUES ('hello', 'u', '{}')");
    const columns = ['attempt', 'status', 'claim_token', 'target_device_id', 'id'];
    const inserts = columns.map((name) => `INSERT INTO af_crawl_task (task_type, ${name}) VALUES ('hello', 1)`);
    for (const sql of [...inserts, 'SELECT id FROM af_crawl_task'])
      await expect(program.write(sql)).rejects.toMatchObject({ code: 'E_FORBIDDEN' });
    await program.close();
  });

  it('a worker runs tasks and enqueues further ones, a leader does each of its duties, an operator everything', async () => {
    await own.admin.write(OLD);
    const leader = await leads();
    expect(leader).toMatchObject({ code: 0, json: { led: true, duties: { failed: {} } } });
    expect(leader.json.duties.counts.prune.added).toBeGreaterThan(0);
    const worker = await asJson('afd_worker', 'worker', '--drain');
    expect(worker).toMatchObject({ code: 0, json: { ended_by: 'drained' } });
    const count = (where: string) => own.count(`SELECT COUNT(*) AS n FROM ${where}`);
    expect(await count("af_crawl_task WHERE status = 'done'")).toBe(8);
    expect(await count("af_crawl_task WHERE parent_id IS NOT NULL AND status = 'done'")).toBe(4);
    expect(await count('af_task_progress WHERE done = 1 AND total = 2')).toBe(8);
    const id = (await asJson('afd_worker', 'tasks', 'add', '--type', 'hello')).json.task_id;
    for (const words of [
      ...[`tasks show ${id}`, `tasks reassign ${id}`, `tasks cancel ${id}`, `tasks retry ${id}`, 'tasks ls'],
      ...['devices ls', 'devices show w', 'devices pause w', 'devices resume w'],
      ...['devices register --device-id by-hand', 'devices rm by-hand', 'config apply --dry-run', 'config show'],
      ...['leader status', 'leader resign', 'migrate status'],
    ]) {
      expect([words, (await as('afd_worker', words.split(' '))).code]).toEqual([words, 0]);
    }
  });
});

it('finding B7: a leader that may not change the days of the heartbeats deletes old rows, and says once which GRANT is missing', async () => {
  const grant = statements.find((one) => one.startsWith('GRANT ') && one.includes('af_device_heartbeat'))!;
  await own.admin.write(
    'ALTER TABLE af_device_heartbeat PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))',
  );
  await own.admin.write(OLD);
  await own.admin.write(grant.replace('GRANT ', 'REVOKE ').replace(' TO ', ' FROM '));
  const { code, json, stderr } = await leads();
  expect([code, json]).toMatchObject([0, { led: true, duties: { failed: {} } }]);
  expect(json.duties.counts.prune.deleted).toBeGreaterThan(0);
  const lines = stderr.split('\n').filter((line) => line.includes('row by row'));
  const message = expect.stringMatching(/: GRANT ALTER ON `afd`\.`af_device_heartbeat` TO 'afd_worker'@'%';$/);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'info', message }]);
});
