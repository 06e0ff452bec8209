// RB2: the rights that `afd db grants` prints are enough for each role, and nothing that a role does not need goes through.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { tableNames } from '../../../src/core/db/table-names.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { ROLES } from '../../../src/core/domain/database-role.ts';
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
const HEAD =
  'task_type,username,app_id,start_date,end_date,priority,required_capabilities,dedupe_key,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key,task_data';

let own: AdminServer;
let dir: string;

const urlOf = (user: string) => own.urlOf(user, ROLE_PASSWORD);
const envOf = (role: string) => ({ AFD_DATABASE_URL: urlOf(`afd_${role}`), AFD_LOG_FORMAT: 'json' });
const as = (role: string, ...args: string[]) => runCommand(args, { cwd: dir, env: envOf(role) });
const asJson = async (role: string, ...args: string[]) => {
  const run = await as(role, ...args, '--json');
  return { ...run, json: JSON.parse(run.stdout) };
};
const add = (...more: string[]) => asJson('producer', 'tasks', 'add', '--type', 'hello', ...more);
/** Waits until so many rows are there. */
const rows = (n: number, from: string) =>
  until(async () => (await own.count(`SELECT COUNT(*) AS n FROM ${from}`)) >= n, 60_000, from);
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
  await migrateUp(addressOf(own.server.url), NAMES);
  dir = await mkdtemp(join(tmpdir(), 'afd-grants-'));
  await writeFile(join(dir, 'afd.yaml'), 'handlers: { hello: { exec: [cat] } }\n');
  for (const role of ROLES) await create('--role', role);
}, 120_000);
afterAll(async () => {
  await own?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe.sequential('RB2: with the rights that afd db grants prints', () => {
  it('a fleet works: a producer adds, a worker and a worker behind the gateway run, a leader leads', {
    timeout: MINUTES,
  }, async (test) => {
    const settings = { worker: { leader: false }, master: { webhook_networks: ['127.0.0.1'] } };
    const handlers = { handlers: { hello: { module: './hello.mjs' } }, files: { 'hello.mjs': HELLO } };
    const one = await fleet(test, { url: urlOf('nobody') }, { ...settings, ...handlers });
    one.start('leader', { deviceId: 'l', env: envOf('leader') });
    one.start('worker', { deviceId: 'w', env: envOf('worker') });
    const { url } = await one.serve({ env: envOf('gateway') });
    one.start('worker', { deviceId: 'remote', env: { AFD_WORKER_GATEWAY: url } });
    const post = async (path: string, body?: object) => {
      const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      const answer = await fetch(`${url}/api/v1/${path}`, { method: 'POST', ...(body === undefined ? {} : json) });
      expect([path, answer.ok, await answer.clone().text()]).toEqual([path, true, expect.anything()]);
      return answer.json() as Promise<{ batch_id: string }>;
    };
    await post('webhooks', { url: 'http://127.0.0.1:9/' });
    for (let n = 0; n < 20; n += 1)
      expect(await add('--dedupe-key', `k${n}`)).toMatchObject({ code: 0, json: { created: true } });
    await add('--data', '{"fails":true}');
    await add('--data', '{"children":true}');
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
    const { json } = await add('--batch', 'b', '--open');
    await add('--batch-id', String(json.batch_id));
    expect(await as('producer', 'batches', 'seal', String(json.batch_id))).toMatchObject({ code: 0 });
    await rows(1, "af_webhook_delivery WHERE event_type = 'batch.ended'");
    const { batch_id } = await post('tasks', { tasks: [], batch: { name: 'empty', open: true } });
    await post(`batches/${batch_id}/seal`);
    await rows(2, "af_webhook_delivery WHERE event_type = 'batch.ended'");
    expect(one.complaints('warn').filter((line) => /denied|right/.test(line))).toEqual([]);
  });

  it('a leader does each of its duties, and drops whole days', async () => {
    const { admin } = own;
    await admin.write(
      'ALTER TABLE af_device_heartbeat PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))',
    );
    await admin.write(
      `INSERT INTO af_device_heartbeat (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL 30 DAY)`,
    );
    await transaction(admin, () => appendAudit(admin, NAMES, actor(), [ENTRY, ENTRY]));
    await admin.write('UPDATE af_audit_log SET at = at - INTERVAL 1000 DAY');
    const { code, json, stderr } = await asJson('leader', 'leader', '--once', '--device-id', 'l');
    expect([code, json]).toMatchObject([0, { led: true, duties: { failed: {} } }]);
    expect(json.duties.counts['prune-audit'].deleted).toBeGreaterThan(0);
    expect(json.duties.counts.prune.added).toBeGreaterThan(0);
    expect(stderr).not.toContain('denied');
    // What was changed above is found by audit verify, which an operator runs below.
    await admin.write('DELETE FROM af_audit_log');
    await admin.write("UPDATE af_audit_head SET id = 0, hash = UNHEX(REPEAT('00', 32))");
  });

  it('each role does with commands what it is for', async () => {
    await writeFile(
      join(dir, 'tasks.csv'),
      `${HEAD}\nhello,u,a,2024-01-01,2024-01-02,5,{},i1,,2,60,30,c,{}\nhello,u,,,,,,i2,,,,,,\n`,
    );
    const id = String((await add()).json.task_id);
    const does: Record<string, string[]> = {
      producer: [
        ...['tasks import tasks.csv', 'tasks import tasks.csv --batch b'],
        ...['batches ls', 'batches show 1', 'batches wait 1'],
      ],
      readonly: [
        ...['status', 'tasks ls', 'tasks ls --status done --type hello', 'tasks show 1', 'tasks wait 1'],
        ...['batches ls', 'batches show 1', 'batches wait 1', 'tasks export -o out.csv', 'devices ls'],
        ...['devices show w', 'logs 1', 'leader status', 'config show', 'migrate status'],
      ],
      gateway: [
        ...[`tasks reassign ${id}`, `tasks cancel ${id}`, `tasks retry ${id}`, 'tasks retry 1 --force'],
        ...['devices pause w', 'devices resume w', 'devices register --device-id by-hand', 'devices rm by-hand'],
        ...['config apply', 'leader resign', 'audit ls', 'audit verify', 'status', 'logs 1'],
      ],
    };
    for (const [role, commands] of Object.entries(does)) {
      for (const words of commands) {
        const { code, stderr } = await as(role, ...words.split(' '));
        const faults = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
        // A fleet without a leader is not well, which is no fault of the reader's.
        expect([role, words, words === 'status' ? 0 : code, faults]).toEqual([role, words, 0, []]);
      }
    }
    const acts = { acts: null, acts_note: 'not shown: this account may not read the audit log' };
    expect(await asJson('readonly', 'tasks', 'show', '1')).toMatchObject({ code: 0, json: acts });
  });

  it('a worker that may lead, and whose account may not, says so once and works', {
    timeout: MINUTES,
  }, async (test) => {
    const one = await fleet(test, { url: urlOf('nobody') });
    const worker = one.start('worker', { deviceId: 'follower', env: envOf('worker') });
    await worker.event('warning', ({ message }) => message.includes('afd db grants --role leader'));
    const { json } = await asJson('producer', 'tasks', 'add', '--type', 'work');
    await rows(1, `af_crawl_task WHERE id = ${json.task_id} AND status = 'done'`);
    expect(worker.lines.filter(({ message }) => message.includes('does not lead'))).toHaveLength(1);
  });

  it.each([
    ['producer', 'tasks ls', 'readonly'],
    ['producer', 'tasks cancel 1', 'gateway'],
    ['worker', 'leader --once --device-id x', 'leader'],
  ])('a %s that runs "afd %s" ends with 4 and is told the role for it: %s', async (account, words, role) => {
    const { code, json } = await asJson(account, ...words.split(' '));
    expect([code, json.error.code]).toEqual([4, 'E_FORBIDDEN']);
    expect(json.error.suggestions.at(-1)).toBe(`afd db grants --role ${role} --user afd_${account}`);
  });
});

describe.each(ROLES)('RB2: as %s', (role) => {
  it('at least 25 statements are refused, and each by a right that is missing', async () => {
    const session = sessionOf(addressOf(urlOf(`afd_${role}`)), {});
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
    const grants = (await own.admin.rows(`SHOW GRANTS FOR 'afd_${role}'@'%'`)).map((row) => String(Object.values(row)));
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
