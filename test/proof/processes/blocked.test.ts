// A handler that never comes back to the event loop: what its worker holds, leads and is asked to do meanwhile. The
// handler looks for a file, so that a test ends it by an event and not by a time, and sleeps between two checks, which blocks
// as well as a busy loop and leaves the processor to the others.
import { describe, expect, it, type TestContext } from 'vitest';
import { insertTask, readDevice, readTask } from '../../helpers/factories.ts';
import type { FleetOptions } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { executions } from '../../helpers/ledger.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { until } from '../../helpers/wait.ts';

/** {spin} blocks until that file is there, if this is device "a"; {gate} waits for that file; else it takes 2 ms. */
const MIXED = `import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
const nap = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
const there = (name) => existsSync(new URL(name, import.meta.url));
export default async ({ task_data: { spin, gate } }, { task_id, attempt, device_id, signal }) => {
  const note = (what) => appendFileSync(new URL('ledger', import.meta.url),
    JSON.stringify({ what, task_id, attempt, device_id, pid: process.pid }) + '\\n');
  note('start');
  if (spin !== undefined && device_id === 'a') while (!there(spin)) nap();
  while (gate !== undefined && !there(gate) && !there(gate + '-' + device_id)) {
    await pause(10);
    if (signal.aborted) throw new Error('aborted');
  }
  if (spin === undefined && gate === undefined) await pause(2);
  note('end');
};
`;

function blocked(test: TestContext, purpose: string, options: FleetOptions = {}): Promise<Scene> {
  return scene(test, purpose, {
    ...options,
    handlers: { mixed: { module: './mixed.mjs', isolation: 'none' } },
    files: { 'mixed.mjs': MIXED },
  });
}

const mixed = (s: Scene, data: Record<string, unknown> = {}, columns: Record<string, unknown> = {}) =>
  insertTask(s.session, s.db.names, { task_type: 'mixed', task_data: JSON.stringify(data), ...columns });

async function many(s: Scene, count: number, spinAt?: number): Promise<number[]> {
  const ids: number[] = [];
  await s.session.write('START TRANSACTION');
  for (let n = 1; n <= count; n += 1) ids.push(await mixed(s, n === spinAt ? { spin: 'free' } : {}));
  await s.session.write('COMMIT');
  return ids;
}

const ends = (s: Scene, where: string) =>
  s.session.rows(
    `SELECT status, device_id, started_at IS NOT NULL AS started FROM ${s.db.names.assignment} WHERE ${where}`,
  );

describe('a worker whose handler blocks the main thread', { timeout: MINUTES }, () => {
  it('finding F2: releases what had not begun within seconds, unspent; others do it; the blocker goes on', async (test) => {
    const s = await blocked(test, 'hostages');
    await s.start('leader', { deviceId: 'boss' }).event('leader:gained');
    const a = s.start('worker', { deviceId: 'a', args: ['--slots', '5', '--no-leader'] });
    await s.ended(await many(s, 100));
    const ids = await many(s, 400, 61);
    const blocker = ids[60]!;
    const message = expect.stringContaining(`task ${blocker} (mixed, attempt 1)`);
    expect(await a.event('main:blocked')).toMatchObject({ level: 'error', device_id: 'a', task_id: blocker, message });
    const held = async () => String((await readDevice(s.session, s.db.names, 'a'))?.over_limits);
    await until(async () => (await held()).includes(`by task ${blocker} (mixed)`));

    const b = s.start('worker', { deviceId: 'b', args: ['--slots', '5', '--no-leader'] });
    // What had begun next to the blocker can end only with it.
    const begunOnA = new Set((await s.ledger()).filter((one) => one.device_id === 'a').map((one) => one.task_id));
    const others = ids.filter((id) => !begunOnA.has(id));
    expect(others.length).toBeGreaterThan(100);
    await s.ended(others);
    const given = await ends(s, "cause = 'blocked'");
    expect(given.length).toBeGreaterThan(0);
    expect(given).toEqual(given.map(() => ({ status: 'released', device_id: 'a', started: 0 })));
    expect(await readTask(s.session, s.db.names, blocker)).toMatchObject({ status: 'running' });

    await s.open('free');
    await a.event('main:back', (back) => Number(back.released) >= given.length);
    await s.ended(ids);
    expect(await ends(s, "status IN ('timeout', 'lost')")).toEqual([]);
    expect(await s.wrongs(ids)).toEqual([]);
    expect([...executions(await s.ledger()).entries()].filter(([, times]) => times > 1)).toEqual([]);
    expect(await s.session.rows(`SELECT id FROM ${s.db.names.task} WHERE retry > 0`)).toEqual([]);
    // It works again.
    b.kill('SIGTERM');
    await b.exit;
    await s.ended(await many(s, 20));
    expect(await readDevice(s.session, s.db.names, 'a')).toMatchObject({ over_limits: null });
  });

  it('finding F1: resigns when it leads, so that another rescues the tasks of the dead', async (test) => {
    const s = await blocked(test, 'leads');
    const a = s.start('worker', { deviceId: 'a', args: ['--slots', '1'] });
    await a.event('leader:gained');
    const blocker = await mixed(s, { spin: 'free' });
    await s.noted({ what: 'start', task_id: blocker, device_id: 'a' });
    const b = s.start('worker', { deviceId: 'b', args: ['--slots', '1', '--no-leader'] });
    const rescued = await mixed(s, { gate: 'go' });
    await s.noted({ what: 'start', task_id: rescued, device_id: 'b' });
    const c = s.start('worker', { deviceId: 'c', args: ['--slots', '1'] });
    // Its lease would have lasted for 20 s, and was renewed for as long as its liveness thread lived.
    await c.event('leader:gained');
    b.kill('SIGKILL');
    await c.event('device:dead', (line) => line.dead_device_id === 'b');
    await s.open('go-c');
    await s.ended([rescued]);
    await s.open('free');
    await a.event('leader:lost', (line) => line.reason === 'silent');
    await s.ended([blocker]);
    expect(await s.wrongs([blocker, rescued])).toEqual([]);
    // It stands for election again: the other one goes.
    c.kill('SIGTERM');
    await c.exit;
    await a.event('leader:gained', (line) => Number(line.term) > 2);
  });
});

describe('a process that stood still', { timeout: MINUTES }, () => {
  it('finding F16: begins nothing of what it had prefetched', async (test) => {
    const s = await blocked(test, 'thawed', { master: { heartbeat_timeout: 6 }, database: { session_timeout: 1 } });
    await s.start('leader', { deviceId: 'boss' }).event('leader:gained');
    const a = s.start('worker', { deviceId: 'a', args: ['--slots', '4', '--no-leader'] });
    await s.ended(await many(s, 100));
    const ids = await many(s, 200);
    await s.noted({ what: 'end', task_id: ids[20]! });
    a.kill('SIGSTOP');
    const b = s.start('worker', { deviceId: 'b', args: ['--slots', '4', '--no-leader'] });
    await s.ended(ids);
    const before = (await s.ledger()).length;
    a.kill('SIGCONT');
    // It is back, and takes new work.
    b.kill('SIGTERM');
    await b.exit;
    const more = await many(s, 20);
    await s.ended(more);
    const since = (await s.ledger()).slice(before).filter((one) => one.what === 'start');
    // None that waited for a slot begins. The four that had a slot may have been on their way to their first line.
    expect(since.filter((one) => one.device_id === 'a' && !more.includes(one.task_id)).length).toBeLessThanOrEqual(4);
    expect(await s.wrongs([...ids, ...more])).toEqual([]);
  });
});
