// Whom a producer rings, by what the device rows say: ports that listen stand for the devices.
import { afterEach, expect } from 'vitest';
import type { Context } from '../../../src/core/context/context.ts';
import type { Session } from '../../../src/core/db/session.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertDevice } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { EAR_TOKEN, type Ear, ear, producing } from '../../helpers/ring.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let producer: Context;
const ears = new Map<string, Ear>();

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterEach(async () => {
  await producer.close();
  for (const one of ears.values()) one.close();
  ears.clear();
});

/** An online device that answers every ring with a claim of all that it was rung for. */
async function device(device_id: string, columns: Record<string, unknown> = {}, running = 0): Promise<void> {
  const one = await ear(({ n }) => ({ claimed: n, running, free: 50 }));
  ears.set(device_id, one);
  const row = await insertDevice(session, db.names, {
    device_id,
    columns: {
      ...{ port: one.port, ring_token: EAR_TOKEN, max_concurrent_tasks: 10 },
      ...{ capabilities: '{"supported_tasks":["t"]}', ...columns },
    },
  });
  for (let n = 0; n < running; n += 1) {
    await insertAttempt(session, db.names, { device: row, task: { task_type: 'other' } });
  }
}

async function settings(values: Record<string, unknown>): Promise<void> {
  for (const [name, value] of Object.entries(values)) {
    await session.write(`INSERT INTO ${db.names.setting} (name, value) VALUES (?, ?)`, [
      `load_balancer.${name}`,
      JSON.stringify(value),
    ]);
  }
}

/** Enqueues `n` tasks at once and waits for the rings to end. */
async function enqueue(
  n: number,
  required_capabilities: Record<string, unknown> | null,
): Promise<Array<[string, number[]]>> {
  producer = producing(db);
  const made = await producer.producer();
  // Every device here answers, however busy the machine is.
  made.notifier.ringSender.answerMs = 5000;
  const task = { task_type: 't', ...(required_capabilities === null ? {} : { required_capabilities }) };
  await made.enqueue(Array.from({ length: n }, () => task));
  const heard = (): Array<[string, number[]]> =>
    [...ears].map(([id, one]) => [id, one.heard.flatMap((ring) => (ring.kind === 'ring' ? [ring.n] : []))]);
  await until(() => heard().some(([, rings]) => rings.length > 0), 10_000, 'a ring');
  await producer.close();
  return heard();
}

/** The devices that are rung for one task. */
async function rungForOne(required_capabilities: Record<string, unknown> | null = null): Promise<string[]> {
  return (await enqueue(1, required_capabilities)).filter(([, rings]) => rings.length > 0).map(([id]) => id);
}

test('least_tasks: the one with the largest share of free slots', async () => {
  await device('busy', {}, 5);
  await device('idle');
  expect(await rungForOne()).toEqual(['idle']);
});

test('a bulk is planned: the emptier gets more', async () => {
  await device('busy', {}, 4);
  await device('idle');
  expect(Object.fromEntries(await enqueue(8, null))).toEqual({ busy: [2], idle: [6] });
});

test('a device over its resource limits is not rung, though it is idle', async () => {
  await device('held', { over_limits: '["memory is at 97 %, over its limit of 90 %"]' });
  await device('busy', {}, 9);
  expect(await rungForOne()).toEqual(['busy']);
});

test('weighted: success and speed outweigh some load', async () => {
  await settings({ strategy: 'weighted' });
  await device('good', { success_rate: 1, avg_duration_ms: 100 }, 3);
  await device('poor', { success_rate: 0.3, avg_duration_ms: 900 });
  expect(await rungForOne()).toEqual(['good']);
});

test('weighted: a device with a browser is left for who needs one', async () => {
  await settings({ strategy: 'weighted' });
  await device('browser', { capabilities: '{"supported_tasks":["t"],"browser_support":true}' });
  await device('plain', {}, 4);
  expect(await rungForOne()).toEqual(['plain']);
});

test('round_robin: the device with the fewest recent claims, however busy it is', async () => {
  await settings({ strategy: 'round_robin' });
  await device('idle', { recent_claims: 40 });
  await device('busy', { recent_claims: 3 }, 7);
  expect(await rungForOne()).toEqual(['busy']);
});

test('a preferred region outweighs some load, a required one all of it', async () => {
  await device('near', { region: 'eu', capabilities: '{"supported_tasks":["t"],"region":"eu"}' }, 1);
  await device('far', { region: 'us', capabilities: '{"supported_tasks":["t"],"region":"us"}' });
  expect(await rungForOne({ region: { prefer: 'eu' } })).toEqual(['near']);
});

test('a required region leaves the others out', async () => {
  await device('near', { region: 'eu', capabilities: '{"supported_tasks":["t"],"region":"eu"}' }, 9);
  await device('far', { region: 'us', capabilities: '{"supported_tasks":["t"],"region":"us"}' });
  expect(await rungForOne({ region: 'eu' })).toEqual(['near']);
});

test('min_score: a device below it is passed over while another one is above, full or not', async () => {
  const weights = { load_factor: 0, capability_match: 0, success_rate: 1, response_time: 0 };
  const each = Object.entries(weights).map(([name, value]) => [`weights.${name}`, value]);
  await settings({ strategy: 'weighted', min_score: 0.5, ...Object.fromEntries(each) });
  await device('below', { success_rate: 0.4 });
  await device('above', { success_rate: 0.6 }, 10);
  expect(await rungForOne()).toEqual(['above']);
});
