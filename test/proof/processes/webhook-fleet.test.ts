// Webhooks of a real fleet: the receiver speaks TLS, and leaders are killed in the middle.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { certificateFor } from '../../helpers/certificate.ts';
import { it } from '../../helpers/fixture.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { closeReceivers, receiver } from '../../helpers/receiver.ts';
import { until } from '../../helpers/wait.ts';

afterEach(closeReceivers);

const BATCHES = 12;
const TASKS = 5;
const certificate = certificateFor('DNS:localhost');

it('each end of a task and of a batch arrives, and again only as the same message, though leaders are killed', {
  timeout: MINUTES,
}, async ({ db, rows, onTestFinished, onTestFailed }) => {
  const there = await receiver(
    (one, response) =>
      response.writeHead(there.received.length % 7 === 0 ? 503 : 204, { 'retry-after': '0' }).end(one.path),
    { certificate },
  );
  const afd = await fleet({ onTestFinished, onTestFailed }, db, {
    master: { webhook_networks: ['127.0.0.1', '::1'] },
    worker: { leader: false, max_concurrent_tasks: 4 },
  });
  await writeFile(join(afd.dir, 'ca.pem'), certificate.cert);
  const env = { NODE_EXTRA_CA_CERTS: join(afd.dir, 'ca.pem') };
  const { url } = await afd.serve();
  const post = async (path: string, body: unknown) => {
    const json = { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await fetch(`${url}/api/v1/${path}`, { method: 'POST', ...json });
    expect(answer.status, await answer.clone().text()).toBe(201);
    return answer.json() as Promise<{ batch_id: string; tasks: Array<{ task_id: string }> }>;
  };
  await post('webhooks', { url: `${there.url}/afd`, event_types: ['batch.ended', 'task.done'] });
  const expected: string[] = [];
  for (let n = 0; n < BATCHES; n += 1) {
    const tasks = Array.from({ length: TASKS }, () => ({ task_type: 'work', task_data: { ms: 100 } }));
    const made = await post('tasks', { tasks, batch: { name: `batch ${n}` } });
    expected.push(`batch.ended ${made.batch_id}`, ...made.tasks.map(({ task_id }) => `task.done ${task_id}`));
  }
  afd.start('worker', { deviceId: 'w1' });
  const lead = async (deviceId: string) => {
    const one = afd.start('leader', { deviceId, env });
    const before = there.received.length;
    await until(() => there.received.length > before + 5, MINUTES);
    return one;
  };
  for (const deviceId of ['l1', 'l2']) (await lead(deviceId)).kill('SIGKILL');
  const leader = await lead('l3');
  /** What each message told, by its id. */
  const messages = () => {
    const told = new Map<unknown, Set<string>>();
    for (const { headers, body } of there.received) {
      const { type, data } = JSON.parse(body);
      const id = headers['webhook-id'];
      told.set(id, (told.get(id) ?? new Set()).add(`${type} ${type === 'batch.ended' ? data.batch_id : data.task_id}`));
      if (type === 'batch.ended') expect(data.counts.done).toEqual({ count: TASKS, exact: true });
    }
    return [...told.values()].map((one) => [...one].join(' and '));
  };
  await until(() => messages().length >= expected.length, MINUTES);
  expect(messages().sort()).toEqual(expected.sort());

  // `afd leader --once` sends what is due, and ends.
  const late = await post('tasks', { tasks: [{ task_type: 'work' }] });
  leader.kill('SIGTERM');
  await leader.exit;
  const id = late.tasks[0]!.task_id;
  await until(async () => (await rows.readTask(Number(id)))?.status === 'done', MINUTES);
  // More than once, where the receiver refuses one.
  await until(async () => {
    expect(await afd.start('leader', { deviceId: 'l4', env, args: ['--once'] }).exit).toMatchObject({ code: 0 });
    return messages().includes(`task.done ${id}`);
  }, MINUTES);
});
