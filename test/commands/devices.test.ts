import { expect } from 'vitest';
import DevicesLs from '../../src/commands/devices/ls.ts';
import DevicesShow from '../../src/commands/devices/show.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const env = () => ({ AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' });
const ls = (...argv: string[]) => runCommand(DevicesLs, 'devices:ls', argv, env());
const show = (...argv: string[]) => runCommand(DevicesShow, 'devices:show', argv, env());

interface Listed {
  devices: Array<Record<string, unknown>>;
}

it('lists the devices in the words of the design document, running tasks counted', async () => {
  await insertDevice(session, db.names, { device_id: 'master-001', columns: { device_type: 'master' } });
  const worker = await insertDevice(session, db.names, {
    device_id: 'worker-001',
    columns: { device_name: 'Worker Node 1', status: 'busy', current_tasks: 99, max_concurrent_tasks: 2 },
  });
  await insertAttempt(session, db.names, { device: worker });
  await insertAttempt(session, db.names, { device: worker, columns: { status: 'assigned' } });
  await insertAttempt(session, db.names, { device: worker, columns: { status: 'completed' } });
  await insertLeader(session, db.names, 'master-001', 3);
  const { devices } = (await ls('--json')).json() as unknown as Listed;
  expect(devices).toMatchObject([
    { device_id: 'master-001', device_type: 'master', status: 'online', current_tasks: 0, is_leader: true },
    {
      device_id: 'worker-001',
      device_name: 'Worker Node 1',
      device_type: 'worker',
      status: 'busy',
      current_tasks: 2,
      is_leader: false,
      silent: false,
      operator_state: 'active',
    },
  ]);
  expect(devices[0]!.last_heartbeat).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

it('lists by status, by operator state, by task type, and up to --limit', async () => {
  const types = (...supported_tasks: string[]) => ({ capabilities: JSON.stringify({ supported_tasks }) });
  await insertDevice(session, db.names, { device_id: 'a', columns: types('x', 'y') });
  await insertDevice(session, db.names, { device_id: 'b', columns: { ...types('y'), operator_state: 'paused' } });
  await insertDevice(session, db.names, { device_id: 'c', silent_s: 500, columns: types('x') });
  const ids = async (...argv: string[]) =>
    ((await ls('--json', ...argv)).json() as unknown as Listed).devices.map((one) => one.device_id);
  expect(await ids('--status', 'online')).toEqual(['a', 'b']);
  expect(await ids('--status', 'offline')).toEqual(['c']);
  expect(await ids('--state', 'paused')).toEqual(['b']);
  expect(await ids('--type', 'x')).toEqual(['a', 'c']);
  expect(await ids('--limit', '1')).toEqual(['a']);
  expect((await ls('--status', 'dead')).exitCode).toBe(2);
});

it('shows a device that says online but is silent as offline, by the timeout of the configuration', async () => {
  await insertDevice(session, db.names, { device_id: 'quiet', silent_s: 61 });
  await insertDevice(session, db.names, { device_id: 'signed-off', silent_s: 500, columns: { status: 'offline' } });
  await insertDevice(session, db.names, { device_id: 'steady', silent_s: 50 });
  const by = async (extra: Record<string, string> = {}) => {
    const ran = await runCommand(DevicesLs, 'devices:ls', ['--json'], { ...env(), ...extra });
    return (ran.json() as unknown as Listed).devices.map((d) => [d.device_id, d.status, d.silent]);
  };
  expect(await by()).toEqual([
    ['quiet', 'offline', true],
    ['signed-off', 'offline', false],
    ['steady', 'online', false],
  ]);
  expect(await by({ AFD_MASTER_HEARTBEAT_TIMEOUT: '120' })).toContainEqual(['quiet', 'online', false]);
});

it('prints a table with one line per device', async () => {
  await insertDevice(session, db.names, { device_id: 'worker-001', columns: { operator_state: 'paused' } });
  const { stdout, stderr, exitCode } = await ls();
  expect([stderr, exitCode]).toEqual(['', 0]);
  const [header, line] = stdout.trimEnd().split('\n');
  expect(header).toMatch(/^DEVICE +NAME +ROLE +STATUS +TASKS +HEARTBEAT +TYPES$/);
  expect(line).toMatch(/^worker-001 +worker +online, paused +0\/5 +\d+ s ago$/);
});

it('says how to start when there is no device', async () => {
  expect(await ls()).toMatchObject({
    stdout: 'No device is registered. Start a worker with "afd worker".\n',
    exitCode: 0,
  });
  expect((await ls('--json')).json()).toEqual({ devices: [] });
});

it('shows one device, found in any case, with what it holds', async () => {
  const worker = await insertDevice(session, db.names, {
    device_id: 'Worker-001',
    columns: { capabilities: JSON.stringify({ supported_tasks: ['sync_data'], proxy_support: true }) },
  });
  const { task_id } = await insertAttempt(session, db.names, { device: worker });
  await session.write(
    `INSERT INTO ${db.names.heartbeat} (device_id, cpu_usage, memory_usage, active_tasks) VALUES ('Worker-001', 1, 2, 0), ('Worker-001', 45.2, 68.5, 1)`,
  );
  const { device } = (await show('worker-001', '--json')).json() as { device: Record<string, unknown> };
  expect(device).toMatchObject({
    device_id: 'Worker-001',
    current_tasks: 1,
    capabilities: { supported_tasks: ['sync_data'], proxy_support: true },
    last_readings: { cpu_usage: 45.2, memory_usage: 68.5, disk_usage: null, active_tasks: 1 },
    assignments: [{ task_id, task_type: 'sync_data', status: 'running', attempt: 1 }],
  });
  const { stdout } = await show('worker-001');
  expect(stdout).toContain('Load         cpu 45.2 %, memory 68.5 %, disk unknown\n');
  expect(stdout).toMatch(new RegExp(`${task_id} +sync_data +running`));
});

it('keeps the assignment of a task that another program deleted', async () => {
  const worker = await insertDevice(session, db.names, { device_id: 'w' });
  const { task_id } = await insertAttempt(session, db.names, { device: worker });
  await session.write(`DELETE FROM ${db.names.task} WHERE id = ?`, [task_id]);
  expect((await show('w')).stdout).toContain('(deleted)');
});

it('does not find a device that is not there, and says which was meant', async () => {
  await insertDevice(session, db.names, { device_id: 'worker-001' });
  const ran = await show('worker-01', '--json');
  expect(ran.exitCode).toBe(3);
  expect(ran.json()).toMatchObject({
    error: { code: 'E_NOT_FOUND', suggestions: ['afd devices show worker-001'], data: { device_id: 'worker-01' } },
  });
});

it('fails with 69 when the database cannot be reached, and never lists nothing', async () => {
  await insertTask(session, db.names);
  const ran = await runCommand(DevicesLs, 'devices:ls', ['--json'], {
    AFD_DATABASE_URL: 'mysql://a@127.0.0.1:1/s',
    AFD_CONFIG: '/dev/null',
  });
  expect(ran.exitCode).toBe(69);
  expect(ran.json()).toMatchObject({ error: { code: 'E_DATABASE' } });
});
