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

const ODD_JSON = ['5', 'null', '"noop"', '{}', '["noop"]', '[]', '{"a":{"b":[{"c":null}]}}', '[[["x"]]]'];
const MOST = 2_147_483_647;
/** Columns of a device: what is right, and what is odd. */
const COLUMNS: Record<string, [unknown, ...unknown[]]> = {
  port: [9, 70_000, -1, 0, MOST],
  ip_address: ['127.0.0.1', 'example.com', '', '255.255.255.255', '::', '1.2.3.4.5', "'; --", 'é'],
  ring_token: [Buffer.alloc(16, 1), null, Buffer.alloc(0), Buffer.from('short')],
  capabilities: [
    '{"supported_tasks":["noop"]}',
    ...[null, ...ODD_JSON],
    ...ODD_JSON.map((types) => `{"supported_tasks": ${types}, "constructor": ${types}}`),
  ],
  over_limits: ['[]', null, ...ODD_JSON],
  labels: ['{}', null, ...ODD_JSON],
  max_concurrent_tasks: [5, null, -1, 0, MOST],
  current_tasks: [0, null, -7, MOST],
  recent_claims: [0, -1, MOST],
  success_rate: [null, -5, 9.9999, 0],
  avg_duration_ms: [null, '-9223372036854775808', '9223372036854775807', '0'],
  region: [null, '', '{"prefer": 1}', '中国'],
  status: ['online', 'busy', 'offline', 'no such word'],
  operator_state: ['active', 'paused', 'no such word'],
  device_type: ['worker', 'worker', 'master', 'gateway', 'no such word'],
  heartbeat_interval: [null, -1, 0, MOST],
  version: [null, '', '\u001b[31m'],
};

async function oddFleet(n: number): Promise<string[]> {
  const random = new Random(5);
  const ids: string[] = [];
  for (let at = 0; at < n; at += 1) {
    const device_id = random.pick(['odd', "o'd", '设备', 'Ödd ', '-']) + at;
    const odd = Object.entries(COLUMNS).map(([name, [right, ...wrong]]) => [
      name,
      random.chance(0.5) ? right : random.pick(wrong),
    ]);
    const columns = { instance_token: random.chance(0.5) ? randomBytes(16) : null, ...Object.fromEntries(odd) };
    await insertDevice(session, db.names, { device_id, silent_s: random.pick([0, 0, -9e6, 1e9]), columns });
    ids.push(device_id);
  }
  return ids;
}

const env = () => ({ AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' });

it('finding S5: next to 200 odd device rows tasks are added, imported, shown and done', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const ids = await oddFleet(200);
  const settings = [
    ['load_balancer.min_score', '0.5'],
    ['load_balancer.strategy', '"weighted"'],
  ];
  await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES ?`, [settings]);
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

  const handlers = { noop: async () => ({ ok: 1 }) };
  const worker = startWorker(db, { deviceId: 'good', worker: { leader: true }, handlers });
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
    const texts = [...(one.capabilities.supported_tasks ?? []), ...one.over_limits];
    expect(texts.every((text) => typeof text === 'string')).toBe(true);
    for (const figure of [one.slots, one.running, one.recent_claims, one.success_rate ?? 0, one.avg_duration_ms ?? 0]) {
      expect(figure).toBeGreaterThanOrEqual(0);
    }
    expect(one.success_rate ?? 0).toBeLessThanOrEqual(1);
  }
  const { sql, values } = ringTargetsStatement(db.names);
  const targets = ringTargets(await session.rows(sql, values));
  expect(targets.length).toBeGreaterThan(0);
  expect(targets.filter(({ port, address }) => port > 65_535 || !/^[\d.]+$|^::$/.test(address))).toEqual([]);
});

it('finding S5: status and devices show name an odd row and what is odd about it', async () => {
  await insertTask(session, db.names, { task_type: 'noop' });
  const columns = { port: 70_000, capabilities: '{"supported_tasks":5}' };
  await insertDevice(session, db.names, { device_id: 'evil', columns });
  const odd = '"70000" is not a port; supported_tasks is not a list of task types';
  const status = await runCommand(Status, 'status', [], env());
  expect(status.stdout).toContain(`the row of evil is not valid: ${odd}`);
  const shown = await runCommand(DevicesShow, 'devices:show', ['evil'], env());
  expect(shown.stdout).toContain(odd);
});
