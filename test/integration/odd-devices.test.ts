// Device rows as other programs, other versions and people may write them. Each is at most a device that takes no work.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import DevicesLs from '../../src/commands/devices/ls.ts';
import DevicesShow from '../../src/commands/devices/show.ts';
import Status from '../../src/commands/status.ts';
import TasksAdd from '../../src/commands/tasks/add.ts';
import TasksImport from '../../src/commands/tasks/import.ts';
import TasksShow from '../../src/commands/tasks/show.ts';
import { deviceViews } from '../../src/core/db/devices/device-views.ts';
import { ringTargets, ringTargetsStatement } from '../../src/core/db/devices/ring-targets.ts';
import type { Session } from '../../src/core/db/session.ts';
import { findTarget } from '../../src/core/db/tasks/find-target.ts';
import { targetWarnings } from '../../src/core/domain/task/target-device.ts';
import { Random } from '../chaos/random.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertDevice, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { startWorker, stopWorkers } from '../helpers/node.ts';
import { once, until } from '../helpers/wait.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  // As another program's session may be: a word that an ENUM does not know becomes ''.
  await session.write("SET SESSION sql_mode = ''");
});
afterEach(stopWorkers);

const SHARED = ['5', 'null', '"noop"', '{}', 'true', '["noop"]'];
const ODD_JSON = [...SHARED, '[]', '-1e308', '{"a":{"b":[{"c":null}]}}', '[[["x"]]]'];
const TYPES = [...SHARED, '[5]', '[null, "noop"]', '[["noop"]]', '{"0":"noop","length":1}'];

/** Columns of a device, each odd by a chance; the others are right. */
function oddColumns(random: Random): Record<string, unknown> {
  const odd = <T>(right: T, wrong: readonly T[]): T => (random.chance(0.5) ? right : random.pick(wrong));
  const capabilities = random.chance(0.5)
    ? `{"supported_tasks": ${random.pick(TYPES)}, "constructor": ${random.pick(ODD_JSON)}}`
    : random.pick(ODD_JSON);
  return {
    port: odd(9, [70_000, -1, 0, 65_536, 2_147_483_647, -2_147_483_648]),
    ip_address: odd('127.0.0.1', ['example.com', '', '255.255.255.255', '::', '0.0.0.0', '1.2.3.4.5', "'; --", 'é']),
    ring_token: odd<Buffer | null>(randomBytes(16), [null, Buffer.alloc(0), Buffer.from('short')]),
    capabilities: odd<string | null>('{"supported_tasks":["noop"]}', [null, capabilities, capabilities]),
    over_limits: odd<string | null>('[]', [null, ...ODD_JSON]),
    labels: odd<string | null>('{}', [null, ...ODD_JSON]),
    max_concurrent_tasks: odd<number | null>(5, [null, -1, 0, 2_147_483_647, -2_147_483_648]),
    current_tasks: odd<number | null>(0, [null, -7, 2_147_483_647]),
    recent_claims: odd(0, [-1, -2_147_483_648, 2_147_483_647]),
    success_rate: odd<number | null>(null, [-5, 9.9999, 0, -0.0001]),
    avg_duration_ms: odd<string | null>(null, ['-9223372036854775808', '9223372036854775807', '0', '-1']),
    region: odd<string | null>(null, ['', '{"prefer": 1}', '中国', 'x'.repeat(64)]),
    status: odd('online', ['busy', 'offline', 'no such word']),
    operator_state: odd('active', ['paused', 'no such word']),
    device_type: odd('worker', ['worker', 'master', 'gateway', 'no such word']),
    heartbeat_interval: odd<number | null>(null, [-1, 0, 2_147_483_647]),
    version: odd<string | null>(null, ['', '\u001b[31m']),
    instance_token: odd<Buffer | null>(randomBytes(16), [null]),
  };
}

async function oddFleet(n: number): Promise<string[]> {
  const random = new Random(5);
  const ids: string[] = [];
  for (let at = 0; at < n; at += 1) {
    const device_id = random.pick(['odd', "o'd", '设备', 'Ödd ', '-']) + at;
    await insertDevice(session, db.names, {
      device_id,
      silent_s: random.pick([0, 0, -9e6, 1e9]),
      columns: oddColumns(random),
    });
    ids.push(device_id);
  }
  return ids;
}

const env = () => ({ AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' });

it('finding S5: next to 200 odd device rows tasks are added, imported, shown and done', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const ids = await oddFleet(200);
  await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES ?`, [
    [
      ['load_balancer.min_score', '0.5'],
      ['load_balancer.strategy', '"weighted"'],
    ],
  ]);
  const dir = await mkdtemp(join(tmpdir(), 'afd-odd-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  const file = join(dir, 'tasks.jsonl');
  await writeFile(file, '{"task_type":"noop"}\n{"task_type":"other"}\n');
  const shown = String(await insertTask(session, db.names, { task_type: 'other' }));
  for (const [Command, id, argv] of [
    [TasksAdd, 'tasks:add', ['--type', 'noop']],
    [TasksImport, 'tasks:import', [file]],
    [DevicesLs, 'devices:ls', []],
    [DevicesLs, 'devices:ls', ['--type', 'noop', '--json']],
    [TasksShow, 'tasks:show', [shown]],
    [TasksShow, 'tasks:show', [shown, '--json']],
  ] as const) {
    const ran = await runCommand(Command, id, [...argv], env());
    expect(ran.exitCode, `${id} ${argv.join(' ')}: ${ran.stderr}`).toBe(0);
  }
  for (const id of ids) {
    const ran = await runCommand(DevicesShow, 'devices:show', [id], env());
    expect(ran.exitCode, ran.stderr).toBe(0);
    const target = await findTarget(session, db.names, id).catch((error: { code: string }) => error.code);
    if (typeof target === 'string') expect(target).toBe('E_CONFLICT');
    else targetWarnings(target, { task_type: 'noop', required_capabilities: { gpu: true } });
  }
  const status = await runCommand(Status, 'status', ['--json'], env());
  // 1: all is not well, and no error either.
  expect(status.json()).toMatchObject({ well: false, devices: { odd: expect.arrayContaining([expect.any(String)]) } });

  const worker = startWorker(db, {
    deviceId: 'good',
    worker: { leader: true },
    handlers: { noop: async () => ({ ok: 1 }) },
  });
  const open = `SELECT id FROM ${db.names.task} WHERE task_type = 'noop' AND status <> 'done'`;
  await until(async () => (await session.rows(open)).length === 0, 20_000, 'all noop done');
  // Two more rounds of everything that reads devices, the leader's duties too.
  await once(worker.events, 'leader:duty');
  await once(worker.events, 'device:heartbeat');
  expect(worker.seen.filter(({ name }) => name === 'leader:duty-failed')).toEqual([]);
  expect((await worker.stop()).finished).toMatchObject({ done: 2 });
});

it('finding S5: what is read of odd rows is a device that is able or not, with figures that are numbers', async () => {
  await oddFleet(200);
  const views = await deviceViews(session, db.names, 60);
  expect(views.length).toBeGreaterThan(100);
  for (const one of views) {
    const { supported_tasks: types = [] } = one.capabilities;
    expect([...types, ...one.over_limits].every((text) => typeof text === 'string')).toBe(true);
    for (const figure of [one.slots, one.running, one.recent_claims, one.success_rate ?? 0, one.avg_duration_ms ?? 0]) {
      expect(figure).toBeGreaterThanOrEqual(0);
    }
    expect(one.success_rate ?? 0).toBeLessThanOrEqual(1);
  }
  const { sql, values } = ringTargetsStatement(db.names);
  const rows = await session.rows(sql, values);
  const targets = ringTargets(rows);
  expect(targets.length).toBeGreaterThan(0);
  expect(targets.length).toBeLessThan(rows.length);
  for (const one of targets) {
    expect(one.port).toBeLessThan(65_536);
    expect(one.address).toMatch(/^[\d.]+$|^::$/);
  }
});

it('finding S5: status and devices show name an odd row and what is odd about it', async () => {
  await insertTask(session, db.names, { task_type: 'noop' });
  await insertDevice(session, db.names, {
    device_id: 'evil',
    columns: { port: 70_000, capabilities: '{"supported_tasks":5}' },
  });
  const status = await runCommand(Status, 'status', [], env());
  expect(status.stdout).toContain(
    'the row of evil is not valid: "70000" is not a port; supported_tasks is not a list of task types',
  );
  const shown = await runCommand(DevicesShow, 'devices:show', ['evil'], env());
  expect(shown.stdout).toMatch(/^Problems +"70000" is not a port; supported_tasks is not a list of task types$/m);
});
