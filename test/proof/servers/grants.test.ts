// The rights that SECURITY.md prints (finding B7), run as they stand there, and those that `afd db grants` prints for each role (RB2)
// are enough, and nothing that a role does not need goes through.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { tableNames } from '../../../src/core/db/table-names.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { ROLES } from '../../../src/core/domain/database-role.ts';
import { readProjectFile } from '../../contracts/project-files.ts';
import { actor } from '../../helpers/actor.ts';
import { type AdminServer, adminServer } from '../../helpers/admin-server.ts';
import { runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { FORBIDDEN } from '../../helpers/forbidden.ts';
import { filledIn, ROLE_PASSWORD } from '../../helpers/role-accounts.ts';
import { sessionOf } from '../../helpers/schema-of.ts';
import { until } from '../../helpers/wait.ts';

const NAMES = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const ENTRY = { action: 'settings.set', object_type: 'setting', object_id: 'x' } as const;
const HELLO = `export default async (task, ctx) => {
  console.log('hello');
  ctx.progress(1, 2);
  await ctx.checkpoint(1);
  if (task.task_data.fails) throw new Error('no');
  if (task.task_data.children) ctx.enqueue({ task_type: 'hello' });
  return { ok: true };
};`;
const OLD = `INSERT INTO af_device_heartbeat (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL 30 DAY)`;
const NO_DAYS =
  'ALTER TABLE af_device_heartbeat PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))';
const TASKS = `task_type,username,app_id,start_date,end_date,priority,required_capabilities,dedupe_key,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key,task_data
hello,u,a,2024-01-01,2024-01-02,5,{},i1,,2,60,30,c,{}
hello,u,,,,,,i2,,,,,,
`;
const OF_SECURITY_MD = [...(readProjectFile('SECURITY.md') ?? '').matchAll(/^```sql\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.replace(/^--.*$/gm, '').split(';'))
  .map((one) => one.trim())
  .filter((one) => one !== '');

let own: AdminServer;
let dir: string;
/** Of the fleet. */
let firstTask: string;

/** Accounts of SECURITY.md are afd_…, those of the printed roles role_…. */
const urlOf = (user: string) => own.urlOf(user, user.startsWith('role_') ? ROLE_PASSWORD : 'password');
const envOf = (user: string) => ({ AFD_DATABASE_URL: urlOf(user), AFD_LOG_FORMAT: 'json' });
const as = (user: string, words: string, more: Record<string, string> = {}) =>
  runCommand(words.split(' '), { cwd: dir, env: { ...envOf(user), ...more } });
const asJson = async (user: string, words: string) => {
  const run = await as(user, `${words} --json`);
  return { ...run, json: JSON.parse(run.stdout) };
};
/** Runs these commands, of which each must go well. */
async function does(user: string, ...commands: string[]): Promise<void> {
  for (const words of commands) {
    const { code, stderr } = await as(user, words);
    const faults = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
    // A fleet without a leader is not well, which is no fault of the reader's.
    expect([user, words, words === 'status' ? 0 : code, faults]).toEqual([user, words, 0, []]);
  }
}
const add = (more = '', user = 'role_producer') => asJson(user, `tasks add --type hello${more}`);
/** Waits until so many rows are there. */
const rows = (n: number, from: string) =>
  until(async () => (await own.count(`SELECT COUNT(*) AS n FROM ${from}`)) >= n, 60_000, from);
async function leads(user: string) {
  const { code, json, stderr } = await asJson(user, 'leader --once --device-id l');
  expect([code, json]).toMatchObject([0, { led: true, duties: { failed: {} } }]);
  return { counts: json.duties.counts, stderr };
}
const printed = async (...args: string[]) => {
  const env = { AFD_DATABASE_URL: urlOf('nobody') };
  const words = ['db', 'grants', '--json', '--dialect', own.server.kind, ...args];
  const run = await runCommand(words, { cwd: dir, env });
  expect([run.code, run.stderr]).toEqual([0, '']);
  return JSON.parse(run.stdout).statements as Array<{ sql: string }>;
};
const create = async (...args: string[]) => {
  for (const sql of filledIn(await printed(...args))) await own.admin.write(sql);
};

beforeAll(async () => {
  own = await adminServer();
  dir = await mkdtemp(join(tmpdir(), 'afd-grants-'));
  await writeFile(join(dir, 'hello.mjs'), HELLO);
  await writeFile(join(dir, 'tasks.csv'), TASKS);
  const config = { handlers: { hello: { module: './hello.mjs' } }, worker: { device_id: 'w' } };
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify(config));
  const ofMigrator = OF_SECURITY_MD.filter((one) => one.includes("'afd_migrate'@"));
  for (const sql of ofMigrator) await own.admin.write(sql);
  await does('afd_migrate', 'migrate');
  for (const sql of OF_SECURITY_MD) if (!ofMigrator.includes(sql)) await own.admin.write(sql);
  for (const role of ROLES) await create('--role', role, '--user', `role_${role}`);
}, 120_000);
afterAll(async () => {
  await own?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe.sequential('finding B7: with the rights that SECURITY.md prints', () => {
  it('afd migrate makes, checks and takes back the tables, foreign keys included', async () => {
    await does('afd_migrate', 'migrate --check');
    // Foreign keys take the partitions from the heartbeats: in tables of their own.
    const tables = { AFD_TABLES_PREFIX: 'fk_', AFD_TABLES_TASK: 'fk_task' };
    for (const words of ['migrate --foreign-keys', 'migrate --check', 'migrate down --force'])
      expect([words, await as('afd_migrate', words, tables)]).toMatchObject([words, { code: 0, stderr: '' }]);
  });

  it('a producer adds, imports and lists tasks and cancels none, a program inserts by the named columns alone', async () => {
    const one = () => add(' --dedupe-key one --data {"children":true}', 'afd_producer');
    const { json } = await one();
    expect(await one()).toMatchObject({ code: 0, json: { created: false, task_id: json.task_id } });
    await does('afd_producer', 'tasks import tasks.csv', 'tasks ls');
    expect(await as('afd_producer', `tasks cancel ${json.task_id}`)).toMatchObject({ code: 4 });

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
    expect((await leads('afd_worker')).counts.prune.added).toBeGreaterThan(0);
    expect(await asJson('afd_worker', 'worker --drain')).toMatchObject({ code: 0, json: { ended_by: 'drained' } });
    const count = (where: string) => own.count(`SELECT COUNT(*) AS n FROM ${where}`);
    expect(await count("af_crawl_task WHERE status = 'done'")).toBe(5);
    expect(await count("af_crawl_task WHERE parent_id IS NOT NULL AND status = 'done'")).toBe(1);
    expect(await count('af_task_progress WHERE done = 1 AND total = 2')).toBe(5);
    const { task_id } = (await add('', 'afd_worker')).json;
    await does(
      'afd_worker',
      ...['show', 'reassign', 'cancel', 'retry'].map((word) => `tasks ${word} ${task_id}`),
      ...['tasks ls', 'devices ls', 'devices show w', 'devices pause w', 'devices resume w'],
      ...['devices register --device-id by-hand', 'devices rm by-hand', 'config apply --dry-run', 'config show'],
      ...['leader status', 'leader resign', 'migrate status'],
    );
  });

  it('a leader that may not change the days of the heartbeats deletes old rows, and says once which GRANT is missing', async () => {
    const grant = OF_SECURITY_MD.find((one) => one.startsWith('GRANT ') && one.includes('af_device_heartbeat'))!;
    const revoke = grant.replace('GRANT ', 'REVOKE ').replace(' TO ', ' FROM ');
    for (const sql of [NO_DAYS, OLD, revoke]) await own.admin.write(sql);
    const { counts, stderr } = await leads('afd_worker');
    expect(counts.prune.deleted).toBeGreaterThan(0);
    const lines = stderr.split('\n').filter((line) => line.includes('row by row'));
    const message = expect.stringMatching(/: GRANT ALTER ON `afd`\.`af_device_heartbeat` TO 'afd_worker'@'%';$/);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'info', message }]);
    for (const table of [NAMES.assignment, NAMES.task, NAMES.setting]) await own.admin.write(`DELETE FROM ${table}`);
  });
});

describe.sequential('RB2: with the rights that afd db grants prints', () => {
  it('a fleet works: a producer adds, a worker and a worker behind the gateway run, a leader leads', {
    timeout: MINUTES,
  }, async (test) => {
    const settings = { worker: { leader: false }, master: { webhook_networks: ['127.0.0.1'] } };
    const handlers = { handlers: { hello: { module: './hello.mjs' } }, files: { 'hello.mjs': HELLO } };
    const one = await fleet(test, { url: urlOf('nobody') }, { ...settings, ...handlers });
    one.start('leader', { deviceId: 'l', env: envOf('role_leader') });
    one.start('worker', { deviceId: 'w', env: envOf('role_worker') });
    const { url } = await one.serve({ env: envOf('role_gateway') });
    one.start('worker', { deviceId: 'remote', env: { AFD_WORKER_GATEWAY: url } });
    const post = async (path: string, body?: object) => {
      const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const answer = await fetch(`${url}/api/v1/${path}`, { method: 'POST', ...(body === undefined ? {} : json) });
      expect([path, answer.ok, await answer.clone().text()]).toEqual([path, true, expect.anything()]);
      return answer.json() as Promise<{ batch_id: string }>;
    };
    await post('webhooks', { url: 'http://127.0.0.1:9/' });
    for (let n = 0; n < 20; n += 1)
      expect(await add(` --dedupe-key k${n}`)).toMatchObject({ code: 0, json: { created: true } });
    await add(' --data {"fails":true}');
    firstTask = String((await add(' --data {"children":true}')).json.task_id);
    await rows(22, "af_crawl_task WHERE status = 'done'");
    await rows(1, "af_crawl_task WHERE status = 'failed'");
    await rows(1, "af_crawl_task WHERE status = 'done' AND parent_id IS NOT NULL");
    await until(
      async () => {
        const devices = 'SELECT COUNT(DISTINCT device_id) AS n FROM af_task_assignment';
        if ((await own.count(devices)) === 2) return true;
        // One of them may have been the faster each time.
        await add();
        return false;
      },
      60_000,
      'an attempt of each worker',
    );
    await rows(1, "af_leader WHERE holder = 'l'");
    await rows(1, 'af_webhook_delivery WHERE tries > 0');
    const { json } = await add(' --batch b --open');
    await add(` --batch-id ${json.batch_id}`);
    await does('role_producer', `batches seal ${json.batch_id}`);
    await rows(1, "af_webhook_delivery WHERE event_type = 'batch.ended'");
    const { batch_id } = await post('tasks', { tasks: [], batch: { name: 'empty', open: true } });
    await post(`batches/${batch_id}/seal`);
    await rows(2, "af_webhook_delivery WHERE event_type = 'batch.ended'");
    expect(one.complaints('warn').filter((line) => /denied|right/.test(line))).toEqual([]);
  });

  it('a leader does each of its duties, and drops whole days', async () => {
    const { admin } = own;
    for (const sql of [NO_DAYS, OLD]) await admin.write(sql);
    await transaction(admin, () => appendAudit(admin, NAMES, actor(), [ENTRY, ENTRY]));
    await admin.write('UPDATE af_audit_log SET at = at - INTERVAL 1000 DAY');
    const { counts, stderr } = await leads('role_leader');
    expect(counts['prune-audit'].deleted).toBeGreaterThan(0);
    expect(counts.prune.added).toBeGreaterThan(0);
    expect(stderr).not.toContain('denied');
    // What was changed above is found by audit verify, which an operator runs below.
    await admin.write('DELETE FROM af_audit_log');
    await admin.write("UPDATE af_audit_head SET id = 0, hash = UNHEX(REPEAT('00', 32))");
  });

  it('each role does with commands what it is for', async () => {
    const id = String((await add()).json.task_id);
    await does(
      'role_producer',
      ...['tasks import tasks.csv', 'tasks import tasks.csv --batch b'],
      ...['batches ls', 'batches show 1', 'batches wait 1'],
    );
    await does(
      'role_readonly',
      ...['status', 'tasks ls', 'tasks ls --status done --type hello', `tasks show ${firstTask}`, `logs ${firstTask}`],
      ...['batches ls', 'batches show 1', `tasks wait ${firstTask}`, 'tasks export -o out.csv', 'devices ls'],
      ...['devices show w', 'leader status', 'config show', 'migrate status'],
    );
    await does(
      'role_gateway',
      ...[`tasks reassign ${id}`, `tasks cancel ${id}`, `tasks retry ${id}`, `tasks retry ${firstTask} --force`],
      ...['devices pause w', 'devices resume w', 'devices register --device-id by-hand', 'devices rm by-hand'],
      ...['config apply', 'leader resign', 'audit ls', 'audit verify', 'status', `logs ${firstTask}`],
    );
    const acts = { acts: null, acts_note: 'not shown: this account may not read the audit log' };
    expect(await asJson('role_readonly', `tasks show ${firstTask}`)).toMatchObject({ code: 0, json: acts });
  });

  it('a worker that may lead, and whose account may not, says so once and works', {
    timeout: MINUTES,
  }, async (test) => {
    const one = await fleet(test, { url: urlOf('nobody') });
    const worker = one.start('worker', { deviceId: 'follower', env: envOf('role_worker') });
    await worker.event('warning', ({ message }) => message.includes('afd db grants --role leader'));
    const { json } = await asJson('role_producer', 'tasks add --type work');
    await rows(1, `af_crawl_task WHERE id = ${json.task_id} AND status = 'done'`);
    expect(worker.lines.filter(({ message }) => message.includes('does not lead'))).toHaveLength(1);
  });

  it.each([
    ['producer', 'tasks ls', 'readonly'],
    ['producer', 'tasks cancel 1', 'gateway'],
    ['worker', 'leader --once --device-id x', 'leader'],
  ])('a %s that runs "afd %s" ends with 4 and is told the role for it: %s', async (account, words, role) => {
    const { code, json } = await asJson(`role_${account}`, words);
    expect([code, json.error.code]).toEqual([4, 'E_FORBIDDEN']);
    expect(json.error.suggestions.at(-1)).toBe(`afd db grants --role ${role} --user role_${account}`);
  });
});

describe.each(ROLES)('RB2: as %s', (role) => {
  it('at least 25 statements are refused, and each by a right that is missing', async () => {
    const session = sessionOf(addressOf(urlOf(`role_${role}`)), {});
    await session.ready();
    const through: string[] = [];
    expect(FORBIDDEN[role].length).toBeGreaterThanOrEqual(25);
    for (const sql of FORBIDDEN[role]) {
      const code = await session.write(sql).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      if (code !== 'E_FORBIDDEN') through.push(`${code}: ${sql}`);
    }
    await session.close();
    expect(through).toEqual([]);
    const grants = (await own.admin.rows(`SHOW GRANTS FOR 'role_${role}'@'%'`)).map((row) =>
      String(Object.values(row)),
    );
    const wide = grants.filter((one) => / ON (\*\.\*|`?afd`?\.\*)/.test(one) && !one.startsWith('GRANT USAGE ON *.*'));
    expect(wide).toEqual([]);
  });
});

it('RB2: the printed account has no password until somebody fills one in, and names with quotes stay names', async () => {
  const [{ sql } = { sql: '' }] = await printed('--role', 'readonly', '--user', 'unfilled');
  await expect(own.admin.write(sql.replace(/;$/, ''))).rejects.toMatchObject({ errno: 1064 });
  await create('--role', 'readonly', '--user', "o'brien", '--host', '10.0.0.%');
  const users = await own.admin.rows("SELECT User, Host FROM mysql.user WHERE User IN ('unfilled', 'o\\'brien')");
  expect(users).toEqual([{ User: "o'brien", Host: '10.0.0.%' }]);
});
