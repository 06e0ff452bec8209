// One hub tells all listeners of a gateway what one reader has read.
import { afterEach, expect, it } from 'vitest';
import type { Context } from '../../../../src/core/context/context.ts';
import type { Change, ChangeFilter } from '../../../../src/core/gateway/changes/change.ts';
import { ChangeHub, type HubLimits } from '../../../../src/core/gateway/changes/change-hub.ts';
import { until } from '../../../helpers/wait.ts';

const hubs: ChangeHub[] = [];
afterEach(() => Promise.all(hubs.splice(0).map((hub) => hub.stop())));

const created = (task_id: string, task_type = 't'): Change => ({
  ...{ type: 'task.created', task_id, task_type, status: 'pending', parent_id: null, created_at: null },
});
const idsOf = (some: Array<{ change: Change }>) =>
  some.map(({ change }) => ('task_id' in change ? change.task_id : change.type));

/** A hub whose rounds read `next`, one after the other, and then nothing. */
async function startHub(limits: Partial<HubLimits> = {}) {
  const next: Array<Change[] | Error> = [];
  const reads = { count: 0 };
  const use = async () => {
    reads.count += 1;
    const changes = next.shift() ?? [];
    if (changes instanceof Error) throw changes;
    return { as_of: '', changes };
  };
  const hub = new ChangeHub({ names: {} } as Context, use as never, () => 'test-gateway', { roundMs: 1, ...limits });
  await hub.start();
  hubs.push(hub);
  const listen = async (filter: ChangeFilter = {}, lastId?: string) => {
    const ear = { heard: [] as string[], beats: [] as number[], ended: false };
    const listening = await hub.listen(filter, lastId, {
      changes: (some) => ear.heard.push(...idsOf(some)),
      beat: () => ear.beats.push(1),
      end: () => Object.assign(ear, { ended: true }),
    });
    return Object.assign(ear, { listening });
  };
  return { hub, next, reads, listen };
}

it('tells each listener what fits its filter', async () => {
  const { next, listen } = await startHub();
  const [all, some] = [await listen(), await listen({ types: new Set(['task.created']), task_type: new Set(['b']) })];
  const device = await listen({ device_id: new Set(['w2']) });
  const status = { status: 'online', operator_state: 'active', device_type: 'worker' } as const;
  const changed = ['w1', 'w2'].map((device_id): Change => ({ type: 'device.status', device_id, ...status }));
  next.push([...changed, created('1', 'a'), created('2', 'b')]);
  await until(() => all.heard.length === 4);
  expect([some.heard, device.heard]).toEqual([['2'], ['device.status']]);
});

it('gives a listener that comes back what it missed, and lets it read anew whose id is too old or of another gateway', async () => {
  const { hub, next, listen } = await startHub({ kept: 2 });
  const [first, other] = [await listen(), await listen()];
  const from = first.listening.position;
  next.push([created('1'), created('2')]);
  await until(() => first.heard.length === 2);
  first.listening.close();
  next.push([created('3')]);
  await until(() => other.heard.length === 3);
  const { resync, missed } = (await listen({}, hub.idOf(1))).listening;
  expect([resync, idsOf(missed)]).toEqual([undefined, ['2', '3']]);
  expect((await listen({}, from)).listening).toMatchObject({ resync: 'too_old', missed: [] });
  for (const id of ['other.12345678:1', hub.idOf(99), `${hub.idOf(1)}x`, ':'])
    expect((await listen({}, id)).listening, id).toMatchObject({ resync: 'other_gateway', missed: [] });
});

it('reads nothing while nobody listens, after which an earlier id is too old', async () => {
  const { hub, reads, listen } = await startHub({ lingerMs: 0 });
  expect([hub.reading, reads.count]).toEqual([false, 0]);
  const { listening } = await listen();
  listening.close();
  await until(() => !hub.reading);
  expect((await listen({}, listening.position)).listening.resync).toBe('too_old');
});

it('reads once a round for a thousand listeners, and again after a read that failed', async () => {
  const { next, reads, listen } = await startHub({ roundMs: 20 });
  const ears = await Promise.all(Array.from({ length: 1000 }, () => listen()));
  next.push(new Error('away'), [created('1')]);
  await until(() => ears.every(({ heard }) => heard.length === 1));
  expect(reads.count).toBeLessThan(10);
});

it('refuses a listener while it cannot read, one too many, and any when it has stopped', async () => {
  const { hub, next, listen } = await startHub({ listeners: 1, beatMs: 5 });
  next.push(new Error('away'));
  await expect(listen()).rejects.toThrow('away');
  const ear = await listen();
  await expect(listen()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
  await until(() => ear.beats.length >= 2);
  await hub.stop();
  expect(ear.ended).toBe(true);
  await expect(listen()).rejects.toMatchObject({ code: 'E_TEMPORARY' });
});
