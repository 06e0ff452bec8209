import { afterEach, beforeEach, describe, expect } from 'vitest';
import DevicesDrain from '../../src/commands/devices/drain.ts';
import DevicesPause from '../../src/commands/devices/pause.ts';
import DevicesRegister from '../../src/commands/devices/register.ts';
import DevicesResume from '../../src/commands/devices/resume.ts';
import DevicesRm from '../../src/commands/devices/rm.ts';
import DevicesShow from '../../src/commands/devices/show.ts';
import { lockName } from '../../src/core/db/devices/session-lock.ts';
import type { Session } from '../../src/core/db/session.ts';
import { leadOnce } from '../../src/core/leader/lead-once.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertTask, readAttempt, readDevice, readTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { startWorker, stopWorkers, testContext } from '../helpers/node.ts';
import { once, until } from '../helpers/wait.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(({ given }) => {
  ({ db, session } = given);
});
afterEach(stopWorkers);

const COMMANDS = {
  register: DevicesRegister,
  pause: DevicesPause,
  resume: DevicesResume,
  drain: DevicesDrain,
  rm: DevicesRm,
  show: DevicesShow,
};
const devices = async (verb: keyof typeof COMMANDS, ...argv: string[]) => {
  const env = { AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' };
  const ran = await runCommand(COMMANDS[verb], `devices:${verb}`, [...argv, '--json'], env);
  // biome-ignore lint/suspicious/noExplicitAny: whatever the command prints
  return { code: ran.exitCode, json: ran.json() as any };
};
const device = (id: string) => readDevice(session, db.names, id);

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
    expect((await devices('show', 'worker-001')).json.device).toMatchObject({
      capabilities: { supported_tasks: ['sync_apps', 'sync_data'], proxy_support: true },
      status: 'offline',
      silent: false,
    });
  });

  it('finding C: takes capabilities.max_concurrent for the slots, unless --slots says otherwise, and warns then', async () => {
    const capable = ['--capabilities', '{"supported_tasks":["sync_apps"],"max_concurrent":9}'];
    const ran = await devices('register', '--device-id', 'nine', ...capable);
    expect(ran.json).toEqual({ device_id: 'nine', created: true });
    expect(await device('nine')).toMatchObject({ max_concurrent_tasks: 9 });
    const other = await devices('register', '--device-id', 'nine', ...capable, '--slots', '2');
    expect(other.json).toMatchObject({
      created: false,
      warning: expect.stringContaining('max_concurrent is 9, but --slots is 2; the latter is used'),
    });
    expect(await device('nine')).toMatchObject({ max_concurrent_tasks: 2 });
  });

  it('a second time changes only what is given, and nothing that an operator or the device said', async () => {
    await devices('register', '--device-id', 'w', '--port', '1', '--device-name', 'kept');
    await devices('pause', 'w');
    expect((await devices('register', '--device-id', 'W', '--port', '2')).json).toEqual({
      device_id: 'W',
      created: false,
    });
    expect(await device('w')).toMatchObject({
      port: 2,
      device_name: 'kept',
      operator_state: 'paused',
      status: 'offline',
    });
  });

  it('refuses a device that runs, and one whose session lock is held', async () => {
    await insertDevice(session, db.names, { device_id: 'fresh', columns: { port: 7 } });
    await insertDevice(session, db.names, { device_id: 'held', silent_s: 900, columns: { status: 'offline' } });
    await session.rows('SELECT GET_LOCK(?, 0)', [lockName(db.address.database, db.names.prefix, 'held')]);
    for (const id of ['fresh', 'held']) {
      const ran = await devices('register', '--device-id', id, '--port', '1');
      expect(ran).toMatchObject({ code: 5, json: { error: { code: 'E_DEVICE_RUNNING' } } });
    }
    expect(await device('fresh')).toMatchObject({ port: 7, status: 'online' });
  });

  it('refuses an id that cannot be one', async () => {
    expect(await devices('register', '--device-id', 'a b')).toMatchObject({ code: 2 });
  });

  it('D2 a row written by hand is taken over by the worker, at zero tasks', async () => {
    await devices('register', '--device-id', 'w1', '--slots', '9');
    await session.write(`UPDATE ${db.names.device} SET current_tasks = 9`);
    const id = await insertTask(session, db.names, { task_type: 't' });
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 }, worker: { max_concurrent_tasks: 2 } });
    await once(worker.events, 'device:registered');
    expect(await device('w1')).toMatchObject({ status: 'online', max_concurrent_tasks: 2, current_tasks: 0 });
    await until(async () => (await readTask(session, db.names, id))?.status === 'done');
  });
});

describe('afd devices pause, resume, drain', () => {
  it('say what was before and what runs, and may be repeated', async () => {
    const w = await insertDevice(session, db.names, { device_id: 'worker-001' });
    await insertAttempt(session, db.names, { device: w });
    const first = await devices('pause', 'worker-001');
    const row = { device_id: 'worker-001', operator_state: 'paused', previous: 'active', current_tasks: 1 };
    expect(first).toEqual({ code: 0, json: { devices: [row] } });
    expect((await devices('pause', 'worker-001')).json.devices).toEqual([{ ...row, previous: 'paused' }]);
    expect((await devices('drain', 'worker-001')).json.devices[0]).toMatchObject({ operator_state: 'draining' });
    expect((await devices('resume', 'worker-001')).json.devices[0]).toMatchObject({ operator_state: 'active' });
    expect(await device('worker-001')).toMatchObject({ status: 'online', operator_state: 'active' });
  });

  it('a drained worker claims nothing more, what runs finishes, and --wait returns then; resumed it works again', async () => {
    let go!: () => void;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => gate } });
    const running = await insertTask(session, db.names, { task_type: 't' });
    await once(worker.events, 'task:started');
    await devices('drain', 'w1');
    await once(worker.events, 'device:operator-state');
    const waiting = await insertTask(session, db.names, { task_type: 't' });
    expect(await devices('drain', 'w1', '--wait', '--timeout', '50ms')).toMatchObject({
      code: 7,
      json: { error: { code: 'E_TIMED_OUT', data: { devices: [{ device_id: 'w1', current_tasks: 1 }] } } },
    });
    go();
    const empty = await devices('drain', 'w1', '--wait');
    expect(empty.json.devices).toEqual([
      { device_id: 'w1', operator_state: 'draining', previous: 'draining', current_tasks: 0 },
    ]);
    expect(await readTask(session, db.names, running)).toMatchObject({ status: 'done' });
    for (let n = 0; n < 3; n += 1) await once(worker.events, 'device:heartbeat');
    expect(await readTask(session, db.names, waiting)).toMatchObject({ status: 'pending', attempt: 0 });
    await devices('resume', 'w1');
    await until(async () => (await readTask(session, db.names, waiting))?.status === 'done');
  });

  it('a heartbeat and a restart never change what an operator said', async () => {
    const start = () => startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    const first = start();
    await once(first.events, 'worker:started');
    await devices('pause', 'w1');
    await once(first.events, 'device:heartbeat');
    await first.stop();
    const second = start();
    await once(second.events, 'device:heartbeat');
    expect(await device('w1')).toMatchObject({ operator_state: 'paused', status: 'online' });
  });
});

describe('a device id', () => {
  beforeEach(async () => {
    for (const device_id of ['worker', 'worker-001', 'worker-002', 'Zeta', 'a_b', 'axb']) {
      await insertDevice(session, db.names, { device_id });
    }
  });

  it('may be any unique prefix; an exact match goes first; upper and lower case are equal', async () => {
    const found = async (typed: string) => (await devices('show', typed)).json.device.device_id;
    expect(await found('worker-002')).toBe('worker-002');
    expect(await found('WORKER')).toBe('worker');
    expect(await found('z')).toBe('Zeta');
    expect(await found('a_')).toBe('a_b');
  });

  it('of several is refused with their list, before anything changes', async () => {
    const { code, json } = await devices('pause', 'Zeta', 'worker-0');
    expect(code).toBe(2);
    expect(json.error).toMatchObject({ data: { matches: ['worker-001', 'worker-002'] } });
    expect(await device('Zeta')).toMatchObject({ operator_state: 'active' });
  });

  it('of none is exit 3 with the one that was meant', async () => {
    for (const verb of ['pause', 'resume', 'drain', 'rm'] as const) {
      const { code, json } = await devices(verb, 'wroker-001');
      expect(code).toBe(3);
      expect(json.error.suggestions).toEqual([`afd devices ${verb} worker-001`]);
    }
  });
});

describe('afd devices rm', () => {
  it('removes what is offline and empty', async () => {
    await insertDevice(session, db.names, { device_id: 'w', columns: { status: 'offline' } });
    expect(await devices('rm', 'w')).toEqual({
      code: 0,
      json: { devices: [{ device_id: 'w', removed: true, orphaned: 0 }] },
    });
    expect(await device('w')).toBeUndefined();
    expect((await devices('rm', 'w')).code).toBe(3);
  });

  it('refuses what lives, and what holds open attempts', async () => {
    await insertDevice(session, db.names, { device_id: 'alive' });
    const dead = await insertDevice(session, db.names, { device_id: 'dead', columns: { status: 'offline' } });
    await insertAttempt(session, db.names, { device: dead });
    const alive = await devices('rm', 'alive');
    expect(alive).toMatchObject({ code: 5, json: { error: { data: { alive: true, open_attempts: 0 } } } });
    expect(alive.json.error.suggestions).toEqual(['afd devices drain alive --wait', 'afd devices rm alive --force']);
    const both = await devices('rm', 'alive', 'dead');
    expect(both).toMatchObject({ code: 6, json: { error: { code: 'E_PARTIAL', data: { devices: [] } } } });
    expect(await device('dead')).toBeDefined();
  });

  it('D1 with --force leaves what it held to the leader: lost, cause device_removed, no retry spent', async () => {
    const w = await insertDevice(session, db.names, { device_id: 'w' });
    const held = await insertAttempt(session, db.names, { device: w });
    expect((await devices('rm', 'w', '--force')).json.devices).toEqual([
      { device_id: 'w', removed: true, orphaned: 1 },
    ]);
    const context = testContext(db);
    await leadOnce(context, { hostname: 'h', version: '0' });
    await context.close();
    expect(await readAttempt(session, db.names, held.assignment_id)).toMatchObject({
      status: 'lost',
      cause: 'device_removed',
    });
    expect(await readTask(session, db.names, held.task_id)).toMatchObject({ status: 'pending', retry: 0 });
  });

  it('a process that still lives stops at its next heartbeat, and what it says about its task is refused', async () => {
    const worker = startWorker(db, { deviceId: 'w1', handlers: { t: () => 1 } });
    await once(worker.events, 'worker:started');
    expect((await devices('rm', 'w1')).code).toBe(5);
    await devices('rm', 'w1', '--force');
    await expect(worker.ended).rejects.toMatchObject({ code: 'E_SUPERSEDED' });
    expect(await device('w1')).toBeUndefined();
  });
});
