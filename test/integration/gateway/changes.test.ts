// The reader of changes, of which a gateway has one for all streams.
import { afterEach, describe, expect } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { writeSettings } from '../../../src/core/db/settings/write-settings.ts';
import { cancelTask } from '../../../src/core/db/tasks/cancel-task.ts';
import type { Change, ChangeFilter, NumberedChange } from '../../../src/core/gateway/changes/change.ts';
import { ChangeHub, type HubLimits, type Listening } from '../../../src/core/gateway/changes/change-hub.ts';
import { MOST_TOLD } from '../../../src/core/gateway/changes/change-reader.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext } from '../../helpers/node.ts';
import { until } from '../../helpers/wait.ts';

interface Ear {
  heard: NumberedChange[];
  listening: Listening;
  beats: number;
  ended: boolean;
}

interface TestHub {
  hub: ChangeHub;
  /** Batches sent so far. */
  batches(): number;
  /** What the next reads throw. */
  fail: Error[];
  listen(filter?: ChangeFilter, lastId?: string): Promise<Ear>;
}

const hubs: Array<() => Promise<void>> = [];
afterEach(async () => {
  await Promise.all(hubs.splice(0).map((stop) => stop()));
});

async function startHub(db: TestDatabase, limits: Partial<HubLimits> = {}): Promise<TestHub> {
  const context = testContext(db);
  const session = await db.session();
  let batches = 0;
  const fail: Error[] = [];
  const counted = new Proxy(session, {
    get(target, key) {
      if (key === 'batch') batches += 1;
      const value = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  }) as Session;
  const hub = new ChangeHub(
    context,
    async (work) => {
      const error = fail.shift();
      if (error !== undefined) throw error;
      return work({ ...context, session: async () => counted });
    },
    () => 'test-gateway',
    { roundMs: 20, ...limits },
  );
  await hub.start();
  hubs.push(async () => {
    await hub.stop();
    await context.close();
  });
  return {
    ...{ hub, fail, batches: () => batches },
    async listen(filter = {}, lastId = undefined) {
      const ear: Ear = { heard: [], listening: undefined as never, beats: 0, ended: false };
      ear.listening = await hub.listen(filter, lastId, {
        changes: (some) => ear.heard.push(...some),
        beat: () => {
          ear.beats += 1;
        },
        end: () => {
          ear.ended = true;
        },
      });
      return ear;
    },
  };
}

const typesOf = (some: NumberedChange[]) => some.map(({ change }) => change.type);
/** Waits until one fits. */
const hears = <T extends Change['type']>(
  ear: Ear,
  type: T,
  fits: (one: Extract<Change, { type: T }>) => boolean = () => true,
) =>
  until(() =>
    ear.heard
      .map(({ change }) => change)
      .find((one): one is Extract<Change, { type: T }> => one.type === type && fits(one as never)),
  );

describe('a stream of changes', () => {
  it('tells of a task: that it was added, that its attempt began, and how it ended', async ({ db, session, rows }) => {
    const { listen } = await startHub(db);
    const ear = await listen();
    await rows.device({ device_id: 'w1' });
    const { task_id, assignment_id } = await rows.running('w1');
    const id = String(task_id);
    expect(await hears(ear, 'task.created')).toMatchObject({ task_id: id, task_type: 'sync_data', parent_id: null });
    expect(await hears(ear, 'task.started')).toMatchObject({ task_id: id, attempt: 1, device_id: 'w1' });
    await session.batch([
      {
        sql: `UPDATE ${db.names.assignment} SET status = 'failed', completed_at = UTC_TIMESTAMP(3), error_message = ? WHERE id = ?`,
        values: ['x'.repeat(900), assignment_id],
      },
      { sql: `UPDATE ${db.names.task} SET status = 'failed' WHERE id = ?`, values: [task_id] },
    ]);
    const ended = await hears(ear, 'task.ended');
    expect(ended).toMatchObject({
      task_id: id,
      attempt: 1,
      device_id: 'w1',
      attempt_status: 'failed',
      task_status: 'failed',
    });
    expect(ended.error_message).toHaveLength(500);
    expect(ended.ended_at).toMatch(/^\d{4}-.*Z$/);
  });

  it('tells of a task that is cancelled while it waits, though no attempt shows it', async ({ db, session, rows }) => {
    const { listen } = await startHub(db);
    const ear = await listen();
    const id = await rows.task();
    await cancelTask(session, db.names, id);
    expect(await hears(ear, 'task.ended')).toMatchObject({
      ...{ task_id: String(id), attempt: null, device_id: null },
      ...{ task_status: 'cancelled', cause: 'operator' },
    });
  });

  it('tells of a batch that ended, once, and not of one that ended before', async ({ db, session, rows }) => {
    const { hub, listen, batches } = await startHub(db);
    const ended = (name: string, at = 'UTC_TIMESTAMP(3)') =>
      session.write(
        `INSERT INTO ${db.names.batch} (name, created_at, created_by, sealed_at, ended_at)
         VALUES ('${name}', UTC_TIMESTAMP(3), 'ada', UTC_TIMESTAMP(3), ${at})`,
      );
    await ended('before');
    const ear = await listen();
    await ended('one');
    await ended('open', 'NULL');
    // Its transaction took a while.
    const { insertId: late } = await ended('late', 'UTC_TIMESTAMP(3) - INTERVAL 5 SECOND');
    expect(await hears(ear, 'batch.ended', (one) => one.name === 'late')).toMatchObject({ batch_id: String(late) });
    const read = batches();
    await until(() => batches() > read + 3);
    await cancelTask(session, db.names, await rows.task());
    await hears(ear, 'task.ended');
    const told = ear.heard.flatMap(({ change }) => (change.type === 'batch.ended' ? change.name : []));
    expect(told.sort()).toEqual(['late', 'one']);
    expect(hub.listeners).toBe(1);
  });

  it('tells of devices, the leader and the settings when they change, and not what they are at the start', async ({
    db,
    session,
    rows,
  }) => {
    await rows.device({ device_id: 'w1' });
    await rows.leader('m1', 4);
    const { listen } = await startHub(db);
    const ear = await listen();
    await session.write(`UPDATE ${db.names.device} SET operator_state = 'paused' WHERE device_id = 'w1'`);
    expect(await hears(ear, 'device.status')).toMatchObject({
      device_id: 'w1',
      status: 'online',
      operator_state: 'paused',
    });
    await rows.device({ device_id: 'w2' });
    await hears(ear, 'device.status', (one) => one.device_id === 'w2');
    await session.write(`DELETE FROM ${db.names.device} WHERE device_id = 'w1'`);
    await hears(ear, 'device.status', (one) => one.device_id === 'w1' && one.status === null);
    await session.write(`UPDATE ${db.names.leader} SET holder = 'm2', term = 5`);
    expect(await hears(ear, 'leader.changed')).toMatchObject({ device_id: 'm2', term: 5 });
    await writeSettings(session, db.names, new Map([['master.task_timeout', 77]]), { by: 'test', existing: 'replace' });
    expect(await hears(ear, 'setting.changed')).toMatchObject({ name: 'master.task_timeout', value: 77 });
    expect(typesOf(ear.heard)).not.toContain('task.created');
  });

  it('tells of a task whose transaction commits after that of a higher id', async ({ db, rows }) => {
    const { listen } = await startHub(db);
    const ear = await listen();
    const [slow, quick] = [await db.session(), await db.session()];
    await slow.write('START TRANSACTION');
    const { insertId: low } = await slow.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('slow')`);
    const { insertId: high } = await quick.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('quick')`);
    expect(high).toBeGreaterThan(low);
    await hears(ear, 'task.created', (one) => one.task_id === String(high));
    await slow.write('COMMIT');
    await hears(ear, 'task.created', (one) => one.task_id === String(low));
    expect(await rows.readTask(low)).toBeDefined();
    expect(ear.heard.filter(({ change }) => change.type === 'task.created')).toHaveLength(2);
  });

  it('tells the first of many, and of the others how many they are', async ({ db, session }) => {
    const { listen } = await startHub(db);
    const ear = await listen({ types: new Set(['task.created']) });
    const insert = (n: number) =>
      session.write(`INSERT INTO ${db.names.task} (task_type) VALUES ${Array(n).fill("('many')").join(', ')}`);
    await insert(MOST_TOLD + 50);
    expect(await hears(ear, 'overflow')).toEqual({ type: 'overflow', of: 'task.created', count: 50 });
    expect(typesOf(ear.heard)).toEqual([...Array(MOST_TOLD).fill('task.created'), 'overflow']);
    await insert(1500);
    // Nobody has read how many.
    await hears(ear, 'overflow', (one) => one.count === null);
    // And goes on behind them. One alone could be among those that another round counts: they were committed while a round read.
    const later = new Set<string>();
    await until(async () => {
      later.add(String((await insert(1)).insertId));
      return ear.heard.some(({ change }) => change.type === 'task.created' && later.has(change.task_id));
    });
  });

  it('tells each listener what fits its filter', async ({ db, rows }) => {
    const { listen } = await startHub(db);
    const all = await listen();
    const some = await listen({ types: new Set(['task.created']), task_type: new Set(['b']) });
    const device = await listen({ device_id: new Set(['w2']) });
    await rows.device({ device_id: 'w1' });
    await rows.device({ device_id: 'w2' });
    await rows.task({ task_type: 'a' });
    const b = await rows.task({ task_type: 'b' });
    await hears(some, 'task.created', (one) => one.task_id === String(b));
    await hears(all, 'task.created', (one) => one.task_id === String(b));
    await hears(device, 'device.status');
    expect([some.heard.length, device.heard.length, all.heard.length]).toEqual([1, 1, 4]);
  });
});

describe('a listener that comes back', () => {
  it('gets what it missed, each once', async ({ db, rows }) => {
    const { hub, listen } = await startHub(db);
    const [first, other] = [await listen(), await listen()];
    const [a, b] = [await rows.task(), await rows.task()];
    await hears(first, 'task.created', (one) => one.task_id === String(b));
    first.listening.close();
    const c = await rows.task();
    await hears(other, 'task.created', (one) => one.task_id === String(c));
    const seen = first.heard.find(({ change }) => 'task_id' in change && change.task_id === String(a))!;
    const again = await listen({}, hub.idOf(seen.sequence));
    expect(again.listening.resync).toBeUndefined();
    const ids = again.listening.missed.map(({ change }) => ('task_id' in change ? change.task_id : ''));
    expect(ids).toEqual([String(b), String(c)]);
  });

  it('reads anew where its id is too old, or that of another gateway', async ({ db, rows }) => {
    const { hub, listen } = await startHub(db, { kept: 2 });
    const ear = await listen();
    const start = ear.listening.position;
    const ids = [await rows.task(), await rows.task(), await rows.task()];
    await hears(ear, 'task.created', (one) => one.task_id === String(ids[2]));
    expect((await listen({}, start)).listening).toMatchObject({ resync: 'too_old', missed: [] });
    expect((await listen({}, hub.idOf(1))).listening.missed).toHaveLength(2);
    for (const id of ['other.12345678:1', hub.idOf(99), 'nonsense', `${hub.idOf(1)}x`, ':'])
      expect((await listen({}, id)).listening).toMatchObject({ resync: 'other_gateway', missed: [] });
  });

  it('reads anew when nobody has listened for long, because then nobody has read', async ({ db }) => {
    const { hub, listen } = await startHub(db, { lingerMs: 0 });
    const ear = await listen();
    ear.listening.close();
    await until(() => !hub.reading);
    expect((await listen({}, ear.listening.position)).listening.resync).toBe('too_old');
  });
});

describe('the reader of a gateway', () => {
  it('costs the same for a thousand listeners as for one: a batch a round; and nothing without any', async ({ db }) => {
    const { hub, listen, batches } = await startHub(db, { roundMs: 50, lingerMs: 0 });
    expect(batches()).toBe(0);
    const ears = await Promise.all(Array.from({ length: 1000 }, () => listen()));
    expect(hub.listeners).toBe(1000);
    const before = batches();
    await rowsLater(db);
    await Promise.all(ears.map((ear) => hears(ear, 'task.created')));
    const [begin, at] = [batches(), performance.now()];
    await until(() => batches() >= begin + 5);
    expect(performance.now() - at).toBeGreaterThan(4 * 50);
    expect(before).toBeLessThan(10);
  });

  it('misses nothing when the database does not answer for a while', async ({ db, rows }) => {
    const { fail, listen } = await startHub(db);
    const ear = await listen();
    fail.push(new Error('away'), new Error('away'), new Error('away'));
    const id = await rows.task();
    await hears(ear, 'task.created', (one) => one.task_id === String(id));
    expect(fail).toEqual([]);
  });

  it('refuses a listener while it cannot read, and one too many', async ({ db }) => {
    const { fail, listen } = await startHub(db, { listeners: 1 });
    fail.push(new Error('away'));
    await expect(listen()).rejects.toThrow('away');
    await listen();
    await expect(listen()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  });

  it('lets a silent stream be seen to live, and ends all when it stops', async ({ db }) => {
    const { hub, listen } = await startHub(db, { beatMs: 30 });
    const ear = await listen();
    await until(() => ear.beats >= 2);
    await hub.stop();
    expect(ear.ended).toBe(true);
    await expect(listen()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  });
});

async function rowsLater(db: TestDatabase): Promise<void> {
  const session = await db.session();
  await session.write(`INSERT INTO ${db.names.task} (task_type) VALUES ('later')`);
}
