// Plain clients that call at the same time: their calls share transactions, and no client can tell.
import { afterEach, describe, expect } from 'vitest';
import type { Given } from '../../helpers/fixture.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { Refusals } from '../../helpers/refusals.ts';

let given: Given;
let gateway: TestGateway;
it.beforeEach(async ({ given: g }) => {
  given = g;
  // A wait is a part of it.
  gateway = await startGateway(given.db, { master: { heartbeat_timeout: 120 } });
});
afterEach(stopGateways);

const DEVICES = Array.from({ length: 12 }, (_, n) => `d${n}`);
const registerAll = (types = ['noop']) =>
  Promise.all(
    DEVICES.map((device_id) =>
      gateway.call('/api/v1/devices/register', { device_id, capabilities: { supported_tasks: types } }),
    ),
  );
const next = (device_id: string, more = '') => gateway.call(`/api/v1/tasks/next?device_id=${device_id}${more}`);
const result = (task_id: number, device_id: string, body: Record<string, unknown> = {}) =>
  gateway.call(`/api/v1/tasks/${task_id}/result`, { device_id, status: 'completed', ...body });

/** Counts how often the gateway uses a session. */
function counted(): { uses: number } {
  const { requests } = gateway.gateway;
  const use = requests.use.bind(requests);
  const count = { uses: 0 };
  requests.use = (work) => {
    count.uses += 1;
    return use(work);
  };
  return count;
}

async function claimAll(): Promise<Map<string, number>> {
  for (const _ of DEVICES) await given.rows.task({ task_type: 'noop' });
  const answers = await Promise.all(DEVICES.map((id) => next(id)));
  expect(answers.map((one) => one.status)).toEqual(DEVICES.map(() => 200));
  return new Map(answers.map((one, n) => [DEVICES[n]!, one.json.task_id]));
}

async function owners() {
  const rows = await given.session.rows(
    `SELECT task_id, device_id, status FROM ${given.db.names.assignment} ORDER BY task_id`,
  );
  return new Map(rows.map((row) => [row.device_id as string, row]));
}

describe('clients that call at the same time', () => {
  it('claim each a task of their own, in few transactions', async () => {
    await registerAll();
    const count = counted();
    const tasks = await claimAll();
    expect(count.uses).toBeLessThan(DEVICES.length);
    expect(new Set(tasks.values()).size).toBe(DEVICES.length);
    const rows = await owners();
    for (const [id, task_id] of tasks) expect(rows.get(id)).toMatchObject({ task_id, status: 'assigned' });
  });

  it('get 204 where there is less than they ask for', async () => {
    await registerAll();
    for (let n = 0; n < 3; n += 1) await given.rows.task({ task_type: 'noop' });
    const answers = await Promise.all(DEVICES.map((id) => next(id, '&limit=1')));
    const counts = answers.map((one) => one.json?.tasks.length ?? 0);
    expect(counts.filter((one) => one === 1)).toHaveLength(3);
    expect(answers.filter((one) => one.status === 204)).toHaveLength(DEVICES.length - 3);
  });

  it('one whose device was paused gets none, and the others do', async () => {
    await registerAll();
    await given.session.write(
      `UPDATE ${given.db.names.device} SET operator_state = 'paused' WHERE device_id IN ('d0', 'd5')`,
    );
    for (const _ of DEVICES) await given.rows.task({ task_type: 'noop' });
    const answers = await Promise.all(DEVICES.map((id) => next(id)));
    const empty = DEVICES.filter((_, n) => answers[n]!.status === 204);
    expect(empty).toEqual(['d0', 'd5']);
  });

  it('report each their own result, in few transactions', async () => {
    await registerAll();
    const tasks = await claimAll();
    const count = counted();
    const answers = await Promise.all([...tasks].map(([id, task_id]) => result(task_id, id, { result: { of: id } })));
    expect(count.uses).toBeLessThan(DEVICES.length);
    expect(answers.map((one) => one.json.status)).toEqual(DEVICES.map(() => 'accepted'));
    const rows = await given.session.rows(`SELECT device_id, result FROM ${given.db.names.assignment}`);
    for (const row of rows) expect(JSON.parse(row.result)).toEqual({ of: row.device_id });
  });

  it('a result that the server refuses hurts no other: each gets its own answer', async () => {
    await registerAll();
    const tasks = await claimAll();
    const bad = tasks.get('d4')!;
    const refusals = new Refusals(given.session, given.db.names);
    await refusals.of(given.db.names.assignment, "device_id = 'd4' AND status = 'completed'");
    try {
      const answers = await Promise.all([...tasks].map(([id, task_id]) => result(task_id, id)));
      const failed = DEVICES.filter((_, n) => answers[n]!.status !== 200);
      expect(failed).toEqual(['d4']);
    } finally {
      await refusals.none();
    }
    expect((await given.rows.readTask(bad))?.status).toBe('running');
    expect(await result(bad, 'd4')).toMatchObject({ status: 200, json: { status: 'accepted' } });
  });

  it('a task that the server refuses to claim is put aside, and every other is claimed once', async () => {
    await registerAll();
    const ids: number[] = [];
    for (const _ of DEVICES) ids.push(await given.rows.task({ task_type: 'noop' }));
    const { task } = given.db.names;
    await given.session.write(`UPDATE ${task} SET username = 'refused' WHERE id = ?`, [ids[3]]);
    const refusals = new Refusals(given.session, given.db.names);
    await refusals.of(task, "username = 'refused' AND status = 'running'");
    try {
      const got = await Promise.all(DEVICES.slice(1).map((id) => next(id, '&wait=20')));
      const claimed = got.map((one) => one.json?.task_id).sort((a, b) => a - b);
      expect(claimed).toEqual(ids.filter((id) => id !== ids[3]));
    } finally {
      await refusals.none();
    }
    expect((await given.rows.readTask(ids[3]!))?.status).toBe('failed');
  });

  it('two results of one task: the first counts, the second is told that it was accepted before', async () => {
    await registerAll();
    const tasks = await claimAll();
    const calls = [...tasks].flatMap(([id, task_id]) => [result(task_id, id), result(task_id, id)]);
    const answers = await Promise.all(calls);
    for (let n = 0; n < answers.length; n += 2) {
      const both = [answers[n]!.json.status, answers[n + 1]!.json.status].sort();
      expect(both).toEqual(['accepted', 'committed']);
    }
  });

  it('the result of another device is refused, and those beside it are taken', async () => {
    await registerAll();
    const tasks = await claimAll();
    const calls = [...tasks].map(([id, task_id]) => result(task_id, id === 'd2' ? 'd3' : id));
    const answers = await Promise.all(calls);
    expect(DEVICES.filter((_, n) => answers[n]!.status === 409)).toEqual(['d2']);
    expect((await given.rows.readTask(tasks.get('d2')!))?.status).toBe('running');
  });
});
