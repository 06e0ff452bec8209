// Plain clients that call at the same time: their calls share transactions, and no client can tell. How calls are joined:
// test/unit/core/gateway/together.test.ts; the statements: test/db/gateway/several-devices.test.ts.
import { afterEach, describe, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { eachWithGateway, type GatewayApi } from '../../helpers/gateway-api.ts';
import { Refusals } from '../../helpers/refusals.ts';

let { session, names, rows, gateway, register, next, result } = {} as GatewayApi;
const DEVICES = Array.from({ length: 12 }, (_, n) => `d${n}`);
let uses: number;
let refusals: Refusals;
let ids: number[];
// A wait is a part of it.
eachWithGateway((opened) => ({ session, names, rows, gateway, register, next, result } = opened), {
  master: { heartbeat_timeout: 120 },
});
it.beforeEach(async () => {
  await Promise.all(DEVICES.map((id) => register(id)));
  ids = [];
  refusals = new Refusals(session, names);
  for (const _ of DEVICES) ids.push(await rows.task({ task_type: 'noop' }));
  const { requests } = gateway.gateway;
  const use = requests.use.bind(requests);
  uses = 0;
  requests.use = (work) => {
    uses += 1;
    return use(work);
  };
});

afterEach(() => refusals.none());

async function claimAll(): Promise<Array<[id: string, task_id: number]>> {
  const answers = await Promise.all(DEVICES.map((id) => next(id)));
  return answers.map((one, n) => [DEVICES[n]!, one.json.task_id]);
}

describe('clients that call at the same time', () => {
  it('claim each a task of their own, and report each their own result, in few transactions', async () => {
    const tasks = await claimAll();
    expect(tasks.map(([, task_id]) => task_id).sort((a, b) => a - b)).toEqual(ids);
    const calls = tasks.flatMap(([id, task_id]) =>
      [1, 2].map(() => result(task_id, { device_id: id, result: { id } })),
    );
    const answers = (await Promise.all(calls)).map((one) => one.json.status);
    // The second of each is told that it was accepted before.
    expect(answers.sort()).toEqual([...Array(12).fill('accepted'), ...Array(12).fill('committed')]);
    expect(uses).toBeLessThan(2 * DEVICES.length);
    for (const row of await session.rows(`SELECT device_id, result FROM ${names.assignment}`))
      expect(JSON.parse(row.result)).toEqual({ id: row.device_id });
  });

  it('a result that is refused hurts no other: each gets its own answer', async () => {
    const tasks = await claimAll();
    await refusals.of(names.assignment, "device_id = 'd4' AND status = 'completed'");
    const answers = await Promise.all(
      tasks.map(([id, task_id]) => result(task_id, { device_id: id === 'd2' ? 'd3' : id })),
    );
    const failed = tasks.filter((_, n) => answers[n]!.status !== 200);
    expect(failed.map(([id]) => id)).toEqual(['d2', 'd4']);
    await refusals.none();
    for (const [device_id, task_id] of failed)
      expect(await result(task_id, { device_id })).toMatchObject({ status: 200, json: { status: 'accepted' } });
  });

  it('a task that the server refuses to claim is put aside, and every other is claimed once', async () => {
    await session.write(`UPDATE ${names.task} SET username = 'refused' WHERE id = ?`, [ids[3]]);
    await refusals.of(names.task, "username = 'refused' AND status = 'running'");
    const got = await Promise.all(DEVICES.slice(1).map((id) => next(id, '&wait=20')));
    const claimed = got.map((one) => one.json?.task_id).sort((a, b) => a - b);
    expect(claimed).toEqual(ids.filter((id) => id !== ids[3]));
    expect((await rows.readTask(ids[3]!))?.status).toBe('failed');
  });
});
