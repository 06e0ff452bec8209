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

interface Fleet {
  what: string;
  settings?: Record<string, unknown>;
  /** Id, columns, and how many tasks it runs. */
  devices: Array<[string, Record<string, unknown>?, number?]>;
  needs?: Record<string, unknown>;
  rung: string;
}

const region = (name: string) => ({ region: name, capabilities: `{"supported_tasks":["t"],"region":"${name}"}` });

const FLEETS: Fleet[] = [
  {
    what: 'least_tasks: the one with the largest share of free slots',
    devices: [['busy', {}, 5], ['idle']],
    rung: 'idle',
  },
  {
    what: 'only a device that may run it, is active, online, within its limits and has a port',
    devices: [
      ['other-type', { capabilities: '{"supported_tasks":["x"]}' }],
      ['paused', { operator_state: 'paused' }],
      ['offline', { status: 'offline' }],
      ['portless', { port: 0 }],
      ['over-limits', { over_limits: '["memory is at 97 %, over its limit of 90 %"]' }],
      ['busy', {}, 9],
    ],
    rung: 'busy',
  },
  {
    what: 'weighted: success and speed outweigh some load',
    settings: { strategy: 'weighted' },
    devices: [
      ['good', { success_rate: 1, avg_duration_ms: 100 }, 3],
      ['poor', { success_rate: 0.3, avg_duration_ms: 900 }],
    ],
    rung: 'good',
  },
  {
    what: 'round_robin: the device with the fewest recent claims, however busy it is',
    settings: { strategy: 'round_robin' },
    devices: [
      ['idle', { recent_claims: 40 }],
      ['busy', { recent_claims: 3 }, 7],
    ],
    rung: 'busy',
  },
  {
    what: 'a preferred region outweighs some load',
    devices: [
      ['near', region('eu'), 1],
      ['far', region('us')],
    ],
    needs: { region: { prefer: 'eu' } },
    rung: 'near',
  },
  {
    what: 'min_score: a device below it is passed over while another one is above, full or not',
    settings: {
      strategy: 'weighted',
      min_score: 0.5,
      'weights.load_factor': 0,
      'weights.capability_match': 0,
      'weights.success_rate': 1,
      'weights.response_time': 0,
    },
    devices: [
      ['below', { success_rate: 0.4 }],
      ['above', { success_rate: 0.6 }, 10],
    ],
    rung: 'above',
  },
];

test.for(FLEETS.map((fleet) => [fleet.what, fleet] as const))('%s', async ([, fleet]) => {
  const { settings: values = {}, devices, needs = null, rung } = fleet;
  await settings(values);
  for (const one of devices) await device(...one);
  const heard = await enqueue(1, needs);
  expect(heard.filter(([, rings]) => rings.length > 0).map(([id]) => id)).toEqual([rung]);
});

test('a bulk is planned: the emptier gets more', async () => {
  await device('busy', {}, 4);
  await device('idle');
  expect(Object.fromEntries(await enqueue(8, null))).toEqual({ busy: [2], idle: [6] });
});
