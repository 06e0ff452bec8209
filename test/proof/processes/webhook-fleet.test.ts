// Webhooks of a real fleet: the receiver speaks TLS, and the leader is killed in the middle.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { certificateFor } from '../../helpers/certificate.ts';
import { it } from '../../helpers/fixture.ts';
import { type Fleet, fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { closeReceivers, type Receiver, receiver } from '../../helpers/receiver.ts';
import { until } from '../../helpers/wait.ts';

afterEach(closeReceivers);

const TASKS = 60;
const master = { webhook_networks: ['127.0.0.1', '::1'] };
const certificate = certificateFor('DNS:localhost');

/** A webhook for this receiver, and the environment in which its certificate is trusted. */
async function hooked(afd: Fleet, there: Receiver): Promise<{ env: Record<string, string> }> {
  const ca = join(afd.dir, 'ca.pem');
  await writeFile(ca, certificate.cert);
  const { url } = await afd.serve();
  const body = JSON.stringify({ url: `${there.url}/afd`, task_types: ['work'] });
  const added = await fetch(`${url}/api/v1/webhooks`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  expect(added.status, await added.clone().text()).toBe(201);
  return { env: { NODE_EXTRA_CA_CERTS: ca } };
}

const taskOf = (body: string): string => JSON.parse(body).data.task_id;

it(
  'each end of a task arrives, and again only as the same message, though leaders are killed',
  async ({ db, rows, onTestFinished, onTestFailed }) => {
    const there = await receiver(
      (one, response) =>
        response.writeHead(there.received.length % 7 === 0 ? 503 : 204, { 'retry-after': '0' }).end(one.path),
      { certificate },
    );
    const afd = await fleet({ onTestFinished, onTestFailed }, db, {
      master,
      worker: { leader: false, max_concurrent_tasks: 4 },
    });
    const { env } = await hooked(afd, there);
    afd.start('worker', { deviceId: 'w1' });
    const ids: string[] = [];
    for (let n = 0; n < TASKS; n += 1)
      ids.push(String(await rows.task({ task_type: 'work', task_data: '{"ms":100}' })));
    for (let n = 1; n <= 3; n += 1) {
      const leader = afd.start('leader', { deviceId: `l${n}`, env });
      const before = there.received.length;
      await until(() => there.received.length > before + 5, MINUTES);
      if (n < 3) leader.kill('SIGKILL');
    }
    const arrived = () => new Set(there.received.map((one) => taskOf(one.body)));
    await until(() => arrived().size === TASKS, MINUTES);
    expect([...arrived()].sort()).toEqual(ids.sort());
    const tasks = new Map<unknown, Set<string>>();
    for (const { headers, body } of there.received) {
      const id = headers['webhook-id'];
      tasks.set(id, (tasks.get(id) ?? new Set()).add(taskOf(body)));
    }
    expect(tasks.size).toBe(TASKS);
    expect([...tasks.values()].every((one) => one.size === 1)).toBe(true);
  },
  MINUTES,
);

it('afd leader --once sends what is due, and ends', async ({ db, rows, session, onTestFinished, onTestFailed }) => {
  const there = await receiver(undefined, { certificate });
  const afd = await fleet({ onTestFinished, onTestFailed }, db, { master });
  const { env } = await hooked(afd, there);
  const { task_id, assignment_id } = await rows.running('w1', { task_type: 'work' });
  await session.write(
    `UPDATE ${db.names.assignment} SET status = 'completed', completed_at = UTC_TIMESTAMP(3) WHERE id = ?`,
    [assignment_id],
  );
  await session.write(`UPDATE ${db.names.task} SET status = 'done' WHERE id = ?`, [task_id]);
  const { code } = await afd.start('leader', { deviceId: 'l1', env, args: ['--once'] }).exit;
  expect(code).toBe(0);
  expect(there.received.map((one) => taskOf(one.body))).toEqual([String(task_id)]);
  const rowsOf = await session.rows(`SELECT status FROM ${db.names.webhookDelivery}`);
  expect(rowsOf).toEqual([{ status: 'delivered' }]);
});
