import { afterEach, describe, expect } from 'vitest';
import DevicesDrain from '../../src/commands/devices/drain.ts';
import DevicesLs from '../../src/commands/devices/ls.ts';
import DevicesPause from '../../src/commands/devices/pause.ts';
import DevicesRegister from '../../src/commands/devices/register.ts';
import DevicesResume from '../../src/commands/devices/resume.ts';
import DevicesRm from '../../src/commands/devices/rm.ts';
import DevicesShow from '../../src/commands/devices/show.ts';
import type { Session } from '../../src/core/db/session.ts';
import { leadOnce } from '../../src/core/leader/lead-once.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, readAttempt, readDevice, readTask } from '../helpers/factories.ts';
import { type Given, it } from '../helpers/fixture.ts';
import { startWorker, stopWorkers, testContext } from '../helpers/node.ts';
import { once, until } from '../helpers/wait.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;
let rows: Given['rows'];

it.beforeEach(({ given }) => {
  ({ db, session, rows } = given);
});
afterEach(stopWorkers);

const COMMANDS = {
  ...{ ls: DevicesLs, show: DevicesShow, register: DevicesRegister, pause: DevicesPause },
  ...{ resume: DevicesResume, drain: DevicesDrain, rm: DevicesRm },
};
type Verb = keyof typeof COMMANDS;

const text = (verb: Verb, argv: string[] = [], env: Record<string, string> = {}) =>
  runCommand(COMMANDS[verb], `devices:${verb}`, argv, { AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null', ...env });
const devices = async (verb: Verb, ...argv: string[]) => {
  const ran = await text(verb, [...argv, '--json']);
  // biome-ignore lint/suspicious/noExplicitAny: whatever the command prints
  return { code: ran.exitCode, json: ran.json() as any };
};
const insert = (device_id: string, columns: Record<string, unknown> = {}, silent_s = 0) =>
  insertDevice(session, db.names, { device_id, columns, silent_s });
const device = (id: string) => readDevice(session, db.names, id);

describe('afd devices ls', () => {
  it('lists the devices in the words of the design document, running tasks counted', async () => {
    await insert('master-001', { device_type: 'master' });
    const worker = await insert('worker-001', { device_name: 'Worker Node 1', status: 'busy', current_tasks: 99 });
    for (const status of ['running', 'assigned', 'completed'])
      await insertAttempt(session, db.names, { device: worker, columns: { status } });
    await insertLeader(session, db.names, 'master-001', 3);
    const { json } = await devices('ls');
    const both = { silent: false, operator_state: 'active' };
    const last_heartbeat = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(json.devices).toMatchObject([
      { ...both, device_id: 'master-001', device_type: 'master', status: 'online', is_leader: true, last_heartbeat },
      { ...both, device_id: 'worker-001', device_name: 'Worker Node 1', status: 'busy', current_tasks: 2 },
    ]);
  });

  it('lists by status, by operator state, by task type, and up to --limit', async () => {
    const types = (...supported_tasks: string[]) => ({ capabilities: JSON.stringify({ supported_tasks }) });
    await insert('a', types('x', 'y'));
    await insert('b', { ...types('y'), operator_state: 'paused' });
    await insert('c', types('x'), 500);
    for (const [argv, ids] of [
      [
        ['--status', 'online'],
        ['a', 'b'],
      ],
      [['--status', 'offline'], ['c']],
      [['--state', 'paused'], ['b']],
      [
        ['--type', 'x'],
        ['a', 'c'],
      ],
      [['--limit', '1'], ['a']],
    ] as const) {
      const { json } = await devices('ls', ...argv);
      expect(json.devices.map((one: { device_id: string }) => one.device_id)).toEqual(ids);
    }
    expect((await devices('ls', '--status', 'dead')).code).toBe(2);
  });

  it('shows a device that is silent as offline, by the timeout of the configuration', async () => {
    await insert('quiet', {}, 61);
    await insert('signed-off', { status: 'offline' }, 500);
    const quiet = { device_id: 'quiet', status: 'offline', silent: true };
    const off = { device_id: 'signed-off', status: 'offline', silent: false };
    expect((await devices('ls')).json.devices).toMatchObject([quiet, off]);
    const { stdout } = await text('ls', ['--json'], { AFD_MASTER_HEARTBEAT_TIMEOUT: '120' });
    expect(JSON.parse(stdout).devices[0]).toMatchObject({ status: 'online', silent: false });
  });

  it('prints a table with one line per device, and how to start when there is none', async () => {
    expect((await text('ls')).stdout).toBe('No device is registered. Start a worker with "afd worker".\n');
    await insert('worker-001', { operator_state: 'paused' });
    const { stdout, stderr } = await text('ls');
    const [header, line] = stdout.trimEnd().split('\n');
    expect([header, line, stderr]).toEqual([
      expect.stringMatching(/^DEVICE +NAME +ROLE +STATUS +TASKS +HEARTBEAT +TYPES$/),
      expect.stringMatching(/^worker-001 +worker +online, paused +0\/5 +\d+ s ago$/),
      '',
    ]);
  });
});

it('afd devices show has one device, found in any case, with what it holds, also of a deleted task', async () => {
  const worker = await insert('Worker-001', { capabilities: '{"supported_tasks":["sync_data"],"proxy_support":true}' });
  const { task_id } = await insertAttempt(session, db.names, { device: worker });
  await session.write(
    `INSERT INTO ${db.names.heartbeat} (device_id, cpu_usage, memory_usage, active_tasks) VALUES ('Worker-001', 1, 2, 0), ('Worker-001', 45.2, 68.5, 1)`,
  );
  expect((await devices('show', 'worker-001')).json.device).toMatchObject({
    device_id: 'Worker-001',
    current_tasks: 1,
    capabilities: { supported_tasks: ['sync_data'], proxy_support: true },
    last_readings: { cpu_usage: 45.2, memory_usage: 68.5, disk_usage: null, active_tasks: 1 },
    assignments: [{ task_id, task_type: 'sync_data', status: 'running', attempt: 1 }],
  });
  const { stdout } = await text('show', ['worker-001']);
  expect(stdout).toContain('Load         cpu 45.2 %, memory 68.5 %, disk unknown\n');
  expect(stdout).toMatch(new RegExp(`${task_id} +sync_data +running`));
  await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [task_id]);
  expect((await text('show', ['worker-001'])).stdout).toContain('(deleted)');
});

describe('afd devices register', () => {
  it("writes the document's device, offline and without a heartbeat", async () => {
    const ran = await devices(
      'register',
      ...['--device-id', 'worker-001', '--device-name', 'Worker Node 1', '--device-type', 'worker'],
      ...['--ip-address', '192.168.1.100', '--port', '8001', '--slots', '5'],
      ...['--capabilities', '{"supported_tasks":["sync_apps","sync_data"],"proxy_support":true}'],
    );
    expect(ran).toEqual({ code: 0, json: { device_id: 'worker-001', created: true } });
    expect(await device('worker-001')).toMatchObject({
      ...{ device_name: 'Worker Node 1', device_type: 'worker', ip_address: '192.168.1.100', port: 8001 },
      ...{ max_concurrent_tasks: 5, status: 'offline', last_heartbeat: null, operator_state: 'active' },
      instance_token: null,
    });
  });

  it('finding C: takes capabilities.max_concurrent for the slots, unless --slots says otherwise, and warns then', async () => {
    const capable = ['--capabilities', '{"supported_tasks":["sync_apps"],"max_concurrent":9}'];
    await devices('register', '--device-id', 'nine', ...capable);
    expect(await device('nine')).toMatchObject({ max_concurrent_tasks: 9 });
    const other = await devices('register', '--device-id', 'nine', ...capable, '--slots', '2');
    const warning = expect.stringContaining('max_concurrent is 9, but --slots is 2; the latter is used');
    expect(other.json).toMatchObject({ created: false, warning });
    expect(await device('nine')).toMatchObject({ max_concurrent_tasks: 2 });
  });

  it('refuses a device that runs, and an id that cannot be one', async () => {
    await insert('fresh', { port: 7 });
    const ran = await devices('register', '--device-id', 'fresh', '--port', '1');
    expect(ran).toMatchObject({ code: 5, json: { error: { code: 'E_DEVICE_RUNNING' } } });
    expect(await device('fresh')).toMatchObject({ port: 7, status: 'online' });
    expect(await devices('register', '--device-id', 'a b')).toMatchObject({ code: 2 });
  });
});

describe('afd devices pause, resume, drain', () => {
  it('say what was before and what runs, and may be repeated', async () => {
    const w = await insert('worker-001');
    await insertAttempt(session, db.names, { device: w });
    for (const [verb, operator_state, previous] of [
      ['pause', 'paused', 'active'],
      ['pause', 'paused', 'paused'],
      ['drain', 'draining', 'paused'],
      ['resume', 'active', 'draining'],
    ] as const) {
      const row = { device_id: 'worker-001', operator_state, previous, current_tasks: 1 };
      expect(await devices(verb, 'worker-001')).toEqual({ code: 0, json: { devices: [row] } });
    }
    expect(await device('worker-001')).toMatchObject({ status: 'online', operator_state: 'active' });
  });

  it('a drained worker claims nothing more, what runs finishes, and --wait returns then; resumed it works again', async () => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => gate } });
    const running = await rows.task({ task_type: 't' });
    await once(worker.events, 'task:started');
    await devices('drain', 'w1');
    await once(worker.events, 'device:operator-state');
    const waiting = await rows.task({ task_type: 't' });
    expect(await devices('drain', 'w1', '--wait', '--timeout', '50ms')).toMatchObject({
      code: 7,
      json: { error: { code: 'E_TIMED_OUT', data: { devices: [{ device_id: 'w1', current_tasks: 1 }] } } },
    });
    go();
    expect((await devices('drain', 'w1', '--wait')).json.devices).toMatchObject([{ current_tasks: 0 }]);
    expect(await rows.readTask(running)).toMatchObject({ status: 'done' });
    for (let n = 0; n < 3; n += 1) await once(worker.events, 'device:heartbeat');
    expect(await rows.readTask(waiting)).toMatchObject({ status: 'pending', attempt: 0 });
    await devices('resume', 'w1');
    await until(async () => (await rows.readTask(waiting))?.status === 'done');
  });
});

describe('a device id', () => {
  it('that fits several is refused with their list, before anything changes', async () => {
    for (const id of ['worker-001', 'worker-002', 'Zeta']) await insert(id);
    const { code, json } = await devices('pause', 'Zeta', 'worker-0');
    expect([code, json.error.data.matches]).toEqual([2, ['worker-001', 'worker-002']]);
    expect(await device('Zeta')).toMatchObject({ operator_state: 'active' });
  });

  it.each(['show', 'pause', 'resume', 'drain', 'rm'] as const)(
    'of none is exit 3 of %s, with the one that was meant',
    async (verb) => {
      await insert('worker-001');
      const { code, json } = await devices(verb, 'wroker-001');
      expect([code, json.error.suggestions]).toEqual([3, [`afd devices ${verb} worker-001`]]);
    },
  );
});

describe('afd devices rm', () => {
  it('removes what is offline and empty, and refuses what lives or holds open attempts', async () => {
    await insert('w', { status: 'offline' });
    const removed = { device_id: 'w', removed: true, orphaned: 0 };
    expect(await devices('rm', 'w')).toEqual({ code: 0, json: { devices: [removed] } });
    await insert('alive');
    const dead = await insert('dead', { status: 'offline' });
    await insertAttempt(session, db.names, { device: dead });
    const alive = await devices('rm', 'alive');
    expect(alive).toMatchObject({ code: 5, json: { error: { data: { alive: true, open_attempts: 0 } } } });
    expect(alive.json.error.suggestions).toEqual(['afd devices drain alive --wait', 'afd devices rm alive --force']);
    const both = await devices('rm', 'alive', 'dead');
    expect(both).toMatchObject({ code: 6, json: { error: { code: 'E_PARTIAL', data: { devices: [] } } } });
    expect(await device('dead')).toBeDefined();
  });

  it('D1 with --force leaves what it held to the leader: lost, cause device_removed, no retry spent', async () => {
    const w = await insert('w');
    const held = await insertAttempt(session, db.names, { device: w });
    expect((await devices('rm', 'w', '--force')).json.devices).toMatchObject([{ removed: true, orphaned: 1 }]);
    const context = testContext(db);
    await leadOnce(context, { hostname: 'h', version: '0' });
    await context.close();
    const attempt = await readAttempt(session, db.names, held.assignment_id);
    expect(attempt).toMatchObject({ status: 'lost', cause: 'device_removed' });
    expect(await readTask(session, db.names, held.task_id)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('stops a process that still lives at its next heartbeat', async () => {
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    await once(worker.events, 'worker:started');
    await devices('rm', 'w1', '--force');
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_SUPERSEDED' });
    expect(await device('w1')).toBeUndefined();
  });
});
