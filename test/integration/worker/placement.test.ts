import { describe, expect } from 'vitest';
import { discoverLanes } from '../../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import { once, until } from '../../helpers/wait.ts';
import { eventsOf, heartbeats, it, type Work } from '../../helpers/worked-tasks.ts';

const handlers = { t: () => 1 };
const directedAt = (deviceId: string) => ({ status: 'assigned', target_device_id: deviceId });
const limits = (memory_usage: number) => ({ resource_limits: { memory_usage, interval: 0.05 } });
/** Every machine uses more than this. */
const CLOSED = limits(0.01);
const WIDE = limits(100);

/** A task that the workers hear of at once, as from a leader. */
async function add(work: Work, columns: Record<string, unknown> = {}): Promise<number> {
  const id = await work.add(columns);
  await publishLanes(work.session, work.names, await discoverLanes(work.session, work.names));
  return id;
}

describe('a device with resource limits', () => {
  it('claims nothing over one of them, not even what is directed at it, says so once and shows it; another does', async ({
    work,
  }) => {
    const held = work.start({ deviceId: 'held', handlers, worker: CLOSED });
    const { reasons } = await once(held.events, 'device:over-limits');
    expect(reasons).toEqual([expect.stringMatching(/^memory is at [\d.]+ %, over its limit of 0.01 %$/)]);
    const [id, directed] = [await add(work), await add(work, directedAt('held'))];
    await heartbeats(held, 5);
    expect((await work.task(id)).status).toBe('pending');
    expect(JSON.parse(String((await work.device('held')).over_limits))).toEqual([expect.stringContaining('memory')]);
    expect(eventsOf(held, 'device:over-limits')).toHaveLength(1);
    const free = work.start({ deviceId: 'free', handlers, worker: WIDE });
    await work.ended(id);
    await until(async () => (await work.device('free')).recent_claims === 1);
    expect((await work.task(directed)).status).toBe('assigned');
    expect(eventsOf(free, 'device:over-limits')).toEqual([]);
    await held.stop();
    expect((await work.device('held')).over_limits).toBeNull();
  });

  it.for(['once', 'drain'] as const)('ends a run of --%s at once over one, and not below', async (mode, { work }) => {
    const id = await add(work);
    const held = work.start({ mode, handlers, worker: CLOSED });
    const reason = expect.stringMatching(/^memory is at .* over its/);
    expect(await held.ended).toMatchObject({ overLimits: true, reason });
    expect((await work.task(id)).status).toBe('pending');
    const free = work.start({ mode, handlers, worker: WIDE });
    expect(await free.ended).toMatchObject({ overLimits: false, finished: { done: 1 } });
  });
});

describe('a task that is directed at a device that cannot run it', () => {
  it('stays directed there, and keeps no other from being run', async ({ work }) => {
    const unable = [
      await add(work, { task_type: 'other', ...directedAt('w1') }),
      await add(work, { required_capabilities: '{"browser": true}', ...directedAt('w1') }),
    ];
    const worker = work.start({ handlers });
    await once(worker.events, 'worker:started');
    await heartbeats(worker, 2);
    await work.ended(await add(work, directedAt('w1')));
    await heartbeats(worker, 2);
    for (const id of unable) expect((await work.task(id)).status).toBe('assigned');
    expect(await work.count(work.names.assignment)).toBe(1);
  });
});
