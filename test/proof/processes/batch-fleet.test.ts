// A batch of a real fleet: its end is one event, although leaders are killed in the middle.
import { afterEach, expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { closeReceivers, receiver } from '../../helpers/receiver.ts';
import { until } from '../../helpers/wait.ts';

afterEach(closeReceivers);

const BATCHES = 12;
const TASKS = 5;

it(
  'each batch ends once, and is told as one message, though two of three leaders are killed',
  async ({ db, session, onTestFinished, onTestFailed }) => {
    const there = await receiver((_, response) =>
      response.writeHead(there.received.length % 3 === 0 ? 503 : 204, { 'retry-after': '0' }).end(),
    );
    const afd = await fleet({ onTestFinished, onTestFailed }, db, {
      master: { webhook_networks: ['127.0.0.1', '::1'] },
      worker: { leader: false, max_concurrent_tasks: 4 },
    });
    const { url } = await afd.serve();
    const post = async (path: string, body: unknown) => {
      const answer = await fetch(`${url}/api/v1/${path}`, {
        ...{ method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
      });
      expect(answer.status, await answer.clone().text()).toBe(201);
      return (await answer.json()) as { batch_id: string };
    };
    await post('webhooks', { url: `${there.url}/afd`, event_types: ['batch.ended'] });
    const ids: string[] = [];
    for (let n = 0; n < BATCHES; n += 1) {
      const tasks = Array.from({ length: TASKS }, () => ({ task_type: 'work', task_data: { ms: 100 } }));
      ids.push((await post('tasks', { tasks, batch: { name: `batch ${n}` } })).batch_id);
    }
    const told = () => there.received.map((one) => JSON.parse(one.body).data.batch_id as string);
    afd.start('worker', { deviceId: 'w1' });
    for (let n = 1; n <= 3; n += 1) {
      const leader = afd.start('leader', { deviceId: `l${n}` });
      const before = there.received.length;
      await until(() => there.received.length > before, MINUTES);
      if (n < 3) leader.kill('SIGKILL');
    }
    await until(() => new Set(told()).size === BATCHES, MINUTES);
    expect([...new Set(told())].sort()).toEqual(ids.sort());
    const messages = new Map<unknown, Set<string>>();
    for (const { headers, body } of there.received) {
      const id = headers['webhook-id'];
      messages.set(id, (messages.get(id) ?? new Set()).add(body));
    }
    expect(messages.size).toBe(BATCHES);
    expect([...messages.values()].every((bodies) => bodies.size === 1)).toBe(true);
    for (const { body } of there.received)
      expect(JSON.parse(body).data.counts.done).toEqual({ count: TASKS, exact: true });
    const rows = await session.rows(`SELECT event_type FROM ${db.names.webhookDelivery}`);
    expect(rows).toHaveLength(BATCHES);
  },
  MINUTES,
);
