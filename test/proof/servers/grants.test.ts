// RB2: the rights that `afd db grants` prints are enough for each role, and nothing that a role does not need goes through.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { Session } from '../../../src/core/db/session.ts';
import { tableNames } from '../../../src/core/db/table-names.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { ROLES, type Role } from '../../../src/core/domain/database-role.ts';
import { actor } from '../../helpers/actor.ts';
import { type CommandRun, runCommand } from '../../helpers/command.ts';
import { addressOf } from '../../helpers/database.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { FORBIDDEN } from '../../helpers/forbidden.ts';
import { filledIn, ROLE_PASSWORD } from '../../helpers/role-accounts.ts';
import { type PrivateServer, privateServer } from '../../helpers/server.ts';
import { until } from '../../helpers/wait.ts';

const ADMIN = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`);
const SESSION = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 20_000, multiStatements: true };

const NAMES = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const ENTRY = { action: 'settings.set', object_type: 'setting', object_id: 'x' } as const;

let server: PrivateServer;
let admin: Session;
let dir: string;

const urlOf = (user: string) => {
  const url = new URL(server.url);
  url.username = user;
  url.password = ROLE_PASSWORD;
  url.searchParams.delete('socket');
  return url.href;
};
const envOf = (role: string) => ({ AFD_DATABASE_URL: urlOf(`afd_${role}`), AFD_LOG_FORMAT: 'json' });
const as = (role: string, ...args: string[]): Promise<CommandRun> => runCommand(args, { cwd: dir, env: envOf(role) });
const asJson = async (role: string, ...args: string[]) => {
  const run = await as(role, ...args, '--json');
  return { ...run, json: JSON.parse(run.stdout) };
};
const faults = ({ stderr }: CommandRun) =>
  stderr.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
const count = async (sql: string) => Number((await admin.rows(sql))[0]?.n);
const printed = async (...args: string[]) => {
  const run = await runCommand(['db', 'grants', '--json', '--dialect', server.kind, ...args], {
    cwd: dir,
    env: { AFD_DATABASE_URL: urlOf('nobody') },
  });
  expect([run.code, run.stderr]).toEqual([0, '']);
  return JSON.parse(run.stdout).statements as Array<{ purpose: string; sql: string }>;
};
const create = async (...args: string[]) => {
  for (const sql of filledIn(await printed(...args))) await admin.write(sql);
};

beforeAll(async () => {
  server = await privateServer({ setup: ADMIN });
  admin = new Session({ ...SESSION, address: addressOf(server.url) });
  await admin.ready();
  await migrateUp(addressOf(server.url), tableNames({ task: 'af_crawl_task', prefix: 'af_' }));
  dir = await mkdtemp(join(tmpdir(), 'afd-grants-'));
  await writeFile(
    join(dir, 'hello.mjs'),
    "export default async (task, ctx) => { console.log('hello'); ctx.progress(1, 2); await ctx.checkpoint(1); if (task.task_data.fails) throw new Error('no'); if (task.attempt === 1 && !task.task_data.last) ctx.enqueue({ task_type: 'hello', task_data: { last: true } }); return { ok: true }; };",
  );
  await writeFile(
    join(dir, 'afd.yaml'),
    JSON.stringify({
      handlers: { hello: { module: './hello.mjs' } },
      worker: { device_id: 'w', leader: false },
      master: { max_retry_count: 0 },
    }),
  );
  for (const role of ROLES) await create('--role', role);
}, 120_000);
afterAll(async () => {
  await admin?.close();
  await server?.stop();
  await rm(dir, { recursive: true, force: true });
});

describe.sequential('RB2: with the rights that afd db grants prints', () => {
  it('a fleet works: a producer adds, a worker and a worker behind the gateway run, a leader leads', {
    timeout: MINUTES,
  }, async (test) => {
    const one = await fleet(
      test,
      { url: urlOf('nobody') },
      {
        worker: { leader: false },
        master: { webhook_networks: ['127.0.0.1'] },
        handlers: { hello: { module: './hello.mjs' } },
        files: {
          'hello.mjs':
            "export default async (task, ctx) => { console.log('hello'); ctx.progress(1, 2); await ctx.checkpoint(1); return { ok: true }; };",
        },
      },
    );
    one.start('leader', { deviceId: 'l', env: envOf('leader') });
    one.start('worker', { deviceId: 'direct', env: envOf('worker') });
    const { url } = await one.serve({ env: envOf('gateway') });
    one.start('worker', { deviceId: 'remote', env: { AFD_WORKER_GATEWAY: url } });
    const hook = await fetch(`${url}/api/v1/webhooks`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: '{"url":"http://127.0.0.1:9/"}',
    });
    expect(hook.status, await hook.text()).toBe(201);
    for (let n = 0; n < 30; n += 1) {
      const added = await asJson('producer', 'tasks', 'add', '--type', 'hello', '--dedupe-key', `k${n}`);
      expect(added).toMatchObject({ code: 0, json: { created: true } });
    }
    await until(
      async () => (await count("SELECT COUNT(*) AS n FROM af_crawl_task WHERE status = 'done'")) >= 30,
      60_000,
      'the ends of 30 tasks',
    );
    await until(
      async () => {
        if ((await count('SELECT COUNT(DISTINCT device_id) AS n FROM af_task_assignment')) === 2) return true;
        // One of them may have been the faster each time.
        await asJson('producer', 'tasks', 'add', '--type', 'hello');
        return false;
      },
      60_000,
      'an attempt of each worker',
    );
    expect(await count("SELECT COUNT(*) AS n FROM af_leader WHERE holder = 'l'")).toBe(1);
    const tried = () => count('SELECT COUNT(*) AS n FROM af_webhook_delivery WHERE tries > 0');
    await until(async () => (await tried()) > 0, 60_000, 'a try of a delivery');
    const { json } = await asJson('producer', 'tasks', 'add', '--type', 'hello', '--batch', 'b', '--open');
    await asJson('producer', 'tasks', 'add', '--type', 'hello', '--batch-id', String(json.batch_id));
    expect(await as('producer', 'batches', 'seal', String(json.batch_id))).toMatchObject({ code: 0 });
    const ended = () => count('SELECT COUNT(*) AS n FROM af_webhook_delivery WHERE event_type = "batch.ended"');
    await until(async () => (await ended()) === 1, 60_000, 'the end of the batch');
    const added = await fetch(`${url}/api/v1/tasks`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: '{"tasks":[],"batch":{"name":"empty","open":true}}',
    });
    const { batch_id } = (await added.json()) as { batch_id: string };
    const sealed = await fetch(`${url}/api/v1/batches/${batch_id}/seal`, { method: 'POST' });
    expect(sealed.status, await sealed.text()).toBe(200);
    await until(async () => (await ended()) === 2, 60_000, 'the end of the empty batch');
    expect(one.complaints('warn').filter((line) => /denied|right/.test(line))).toEqual([]);
  });

  it('a worker runs, retries and drains; its tasks add tasks', async () => {
    for (const data of ['{}', '{"fails":true}']) {
      expect(await as('producer', 'tasks', 'add', '--type', 'hello', '--data', data)).toMatchObject({
        code: 0,
      });
    }
    const run = await asJson('worker', 'worker', '--drain');
    // 6: a task failed, as it was made to.
    expect(run).toMatchObject({ code: 6, json: { ended_by: 'drained' } });
    expect(run.stderr).not.toContain('denied');
    expect(await count("SELECT COUNT(*) AS n FROM af_crawl_task WHERE parent_id IS NOT NULL AND status = 'done'")).toBe(
      1,
    );
  });

  it('a leader does each of its duties, and drops whole days', async () => {
    await admin.write(
      'ALTER TABLE af_device_heartbeat PARTITION BY RANGE COLUMNS (heartbeat_time) (PARTITION p_future VALUES LESS THAN (MAXVALUE))',
    );
    await admin.write(
      `INSERT INTO af_device_heartbeat (device_id, heartbeat_time) VALUES ('w', UTC_TIMESTAMP(3) - INTERVAL 30 DAY)`,
    );
    await transaction(admin, () => appendAudit(admin, NAMES, actor(), [ENTRY, ENTRY]));
    await admin.write('UPDATE af_audit_log SET at = at - INTERVAL 1000 DAY');
    const run = await asJson('leader', 'leader', '--once', '--device-id', 'l');
    expect(run).toMatchObject({ code: 0, json: { led: true, duties: { failed: {} } } });
    expect(run.json.duties.counts['prune-audit'].deleted).toBeGreaterThan(0);
    // What was changed above is found by audit verify, which an operator runs below.
    await admin.write('DELETE FROM af_audit_log');
    await admin.write("UPDATE af_audit_head SET id = 0, hash = UNHEX(REPEAT('00', 32))");
    expect(run.json.duties.counts.prune.added).toBeGreaterThan(0);
    expect(run.stderr).not.toContain('denied');
  });

  it('a producer adds and imports, and is told the role of what it may not do', async () => {
    await writeFile(
      join(dir, 'tasks.csv'),
      'task_type,username,app_id,start_date,end_date,priority,required_capabilities,dedupe_key,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key,task_data\n' +
        'hello,u,a,2024-01-01,2024-01-02,5,{},i1,,2,60,30,c,{}\nhello,u,,,,,,i2,,,,,,\nhello,u,,,,,,i2,,,,,,\n',
    );
    expect(await asJson('producer', 'tasks', 'import', 'tasks.csv')).toMatchObject({ code: 0, json: { added: 2 } });
    for (const args of [
      ['tasks', 'import', 'tasks.csv', '--batch', 'b'],
      ['batches', 'ls'],
      ['batches', 'show', '1'],
      ['batches', 'wait', '1'],
    ]) {
      const run = await as('producer', ...args);
      expect([args.join(' '), run.code, faults(run)]).toEqual([args.join(' '), 0, []]);
    }
    for (const [args, role] of [
      [['tasks', 'ls'], 'readonly'],
      [['tasks', 'cancel', '1'], 'gateway'],
    ] as const) {
      const { code, json } = await asJson('producer', ...args);
      expect([code, json.error.code]).toEqual([4, 'E_FORBIDDEN']);
      expect(json.error.suggestions.at(-1)).toBe(`afd db grants --role ${role} --user afd_producer`);
    }
  });

  it('a reader sees everything that a command shows', async () => {
    for (const args of [
      ['status'],
      ['tasks', 'ls'],
      ['tasks', 'ls', '--status', 'done', '--type', 'hello'],
      ['tasks', 'show', '1'],
      ['tasks', 'wait', '1'],
      ['batches', 'ls'],
      ['batches', 'show', '1'],
      ['batches', 'wait', '1'],
      ['tasks', 'export', '-o', join(dir, 'out.csv')],
      ['devices', 'ls'],
      ['devices', 'show', 'w'],
      ['logs', '1'],
      ['leader', 'status'],
      ['config', 'show'],
      ['migrate', 'status'],
    ]) {
      const run = await as('readonly', ...args);
      // A fleet without a leader is not well, which is no fault of the reader's.
      expect([args.join(' '), args[0] === 'status' ? 0 : run.code, faults(run)]).toEqual([args.join(' '), 0, []]);
    }
  });

  it('a reader is told that the acts of operators are not shown, and the account of a gateway sees them', async () => {
    const shown = await asJson('readonly', 'tasks', 'show', '1');
    expect(shown).toMatchObject({
      ...{ code: 0, json: { acts: null, acts_note: 'not shown: this account may not read the audit log' } },
    });
    expect(await asJson('gateway', 'tasks', 'show', '1')).toMatchObject({ code: 0, json: { acts: [] } });
  });

  it("an operator does everything by the gateway's account", async () => {
    const { json } = await asJson('producer', 'tasks', 'add', '--type', 'hello');
    const id = String(json.task_id);
    for (const args of [
      ['tasks', 'reassign', id],
      ['tasks', 'cancel', id],
      ['tasks', 'retry', id],
      ['tasks', 'retry', '1', '--force'],
      ['devices', 'pause', 'w'],
      ['devices', 'resume', 'w'],
      ['devices', 'register', '--device-id', 'by-hand'],
      ['devices', 'rm', 'by-hand'],
      ['config', 'apply'],
      ['leader', 'resign'],
      ['audit', 'ls'],
      ['audit', 'verify'],
      ['status'],
      ['logs', '1'],
    ]) {
      const run = await as('gateway', ...args);
      expect([args.join(' '), args[0] === 'status' ? 0 : run.code, faults(run)]).toEqual([args.join(' '), 0, []]);
    }
  });

  it('a worker that may lead, and whose account may not, says so once and works', {
    timeout: MINUTES,
  }, async (test) => {
    const one = await fleet(test, { url: urlOf('nobody') });
    const worker = one.start('worker', { deviceId: 'follower', env: envOf('worker') });
    await worker.event('warning', ({ message }) => message.includes('afd db grants --role leader'));
    const { json } = await asJson('producer', 'tasks', 'add', '--type', 'work');
    const done = async () =>
      count(`SELECT COUNT(*) AS n FROM af_crawl_task WHERE id = ${json.task_id} AND status = 'done'`);
    await until(async () => (await done()) === 1, 60_000, 'the end of the task');
    expect(worker.lines.filter(({ message }) => message.includes('does not lead'))).toHaveLength(1);
  });

  it('a node that only leads ends with the GRANT when its account may not', async () => {
    const { code, json } = await asJson('worker', 'leader', '--once', '--device-id', 'x');
    expect([code, json.error?.code]).toEqual([4, 'E_FORBIDDEN']);
    expect(json.error.suggestions.at(-1)).toBe('afd db grants --role leader --user afd_worker');
  });
});

describe.each(ROLES)('RB2: as %s', (role: Role) => {
  it('at least 25 statements are refused, and each by a right that is missing', async () => {
    const session = new Session({ ...SESSION, address: addressOf(urlOf(`afd_${role}`)) });
    await session.ready();
    const through: string[] = [];
    expect(FORBIDDEN[role].length).toBeGreaterThanOrEqual(25);
    for (const sql of FORBIDDEN[role]) {
      const error = await session.write(sql).then(
        () => undefined,
        (one: { code: string }) => one.code,
      );
      if (error !== 'E_FORBIDDEN') through.push(`${error}: ${sql}`);
    }
    await session.close();
    expect(through).toEqual([]);
  });

  it('no right is of the whole schema or server', async () => {
    const rows = await admin.rows(`SHOW GRANTS FOR 'afd_${role}'@'%'`);
    const wide = rows.map((row) => String(Object.values(row)[0])).filter((one) => / ON (\*\.\*|`?afd`?\.\*)/.test(one));
    expect(wide.filter((one) => !one.startsWith('GRANT USAGE ON *.*'))).toEqual([]);
  });
});

it('RB2: the printed account has no password until somebody fills one in', async () => {
  const [{ sql } = { sql: '' }] = await printed('--role', 'readonly', '--user', 'unfilled');
  await expect(admin.write(sql.replace(/;$/, ''))).rejects.toMatchObject({ errno: 1064 });
  expect(await count("SELECT COUNT(*) AS n FROM mysql.user WHERE User = 'unfilled'")).toBe(0);
});

it('RB2: names with quotes stay names', async () => {
  const statements = await printed('--role', 'readonly', '--user', "o'brien", '--host', '10.0.0.%');
  for (const sql of filledIn(statements)) await admin.write(sql);
  expect(await count("SELECT COUNT(*) AS n FROM mysql.user WHERE User = 'o\\'brien' AND Host = '10.0.0.%'")).toBe(1);
});
