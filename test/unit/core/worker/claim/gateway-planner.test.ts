import { describe, expect, it } from 'vitest';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import { Events } from '../../../../../src/core/runtime/events.ts';
import { GatewayPlanner } from '../../../../../src/core/worker/claim/gateway-planner.ts';
import { TaskTimings } from '../../../../../src/core/worker/claim/task-timings.ts';
import { TypeRooms } from '../../../../../src/core/worker/claim/type-rooms.ts';
import type { GatewayClaim, GatewayResult } from '../../../../../src/core/worker/port/gateway-work.ts';

const NONE: GatewayResult = { reconciled: [], claimed: [], permission: 'open', more: false };
/** How many tasks were claimed is all that counts here. */
const some = (n: number, more: boolean): GatewayResult => ({ ...NONE, claimed: Array(n).fill({}), more });

function planner(prefetch = 0) {
  const state = { free: 5, mayClaim: true, canKeep: true };
  const room = (ahead: number) => Math.max(0, state.free + ahead);
  const slots = { room, slotsYounger: () => 5, places: new Map(), timeoutOf: () => 1800 };
  const timings = new TaskTimings(() => 0);
  const events = new Events();
  const warnings: string[] = [];
  events.on('warning', ({ message }) => warnings.push(message));
  const made = new GatewayPlanner({
    ...{ events, slots, timings, prefetch, board: { generation: 2 }, rooms: new TypeRooms(slots, timings) },
    types: new Map([
      ['t', 60],
      ['u', undefined],
    ]),
    mayClaim: () => state.mayClaim,
    canKeep: () => state.canKeep,
  });
  return { made, state, warnings };
}

/** Asks, and gets this answer. */
async function ask(made: GatewayPlanner, result: GatewayResult): Promise<GatewayClaim> {
  const claim = made.next();
  expect(claim).toBeDefined();
  await made.learn(claim!, result);
  return claim!;
}

describe('a remote worker', () => {
  it('asks at the start, then only when it was told that there is work, as long as there is more', async () => {
    const { made } = planner();
    expect(await ask(made, NONE)).toMatchObject({ limit: 5, free: 5, types: { t: { now: 5, later: 0, timeout: 60 } } });
    made.news();
    expect(made.next()).toBeUndefined();
    made.due();
    expect(await made.learn(made.next()!, some(5, true))).toBe(true);
    expect(await made.learn(made.next()!, some(2, false))).toBe(false);
    expect(made.next()).toBeUndefined();
  });

  it('follows what it was told when a slot is free and it may claim, and does not want to be told again until then', async () => {
    const { made, state } = planner();
    await ask(made, NONE);
    expect(made.waiting).toEqual({ free: 5, without: [] });
    state.mayClaim = false;
    made.due();
    expect([made.next(), made.free, made.waiting.free]).toEqual([undefined, 0, 0]);
    Object.assign(state, { mayClaim: true, free: 0 });
    expect([made.next(), made.waiting.free]).toEqual([undefined, 0]);
    state.free = 2;
    expect(made.waiting.free).toBe(0);
    expect(await ask(made, NONE)).toMatchObject({ limit: 2, free: 2 });
    expect(made.waiting.free).toBe(2);
  });

  it('waits a little when there was to be more and nothing came', async () => {
    const { made } = planner();
    await ask(made, { ...NONE, more: true });
    expect(made.next()).toBeUndefined();
    expect(made.againMs).toBeGreaterThan(0);
    expect(made.againMs).toBeLessThan(100);
    made.news();
    expect(made.next()).toBeDefined();
  });

  it('takes nothing ahead while its journal cannot be written, else as many of each type as it is told to', async () => {
    const { made, state } = planner(30);
    state.canKeep = false;
    expect(await ask(made, some(5, true))).toMatchObject({ limit: 5, types: { t: { now: 5, later: 0 } } });
    state.canKeep = true;
    const types = { t: { now: 5, later: 30 }, u: { later: 30 } };
    expect(await ask(made, some(35, true))).toMatchObject({ limit: 35, types });
    state.free = -20;
    expect(made.next()).toMatchObject({ limit: 10, free: 0, types: { t: { now: 0, later: 30 } } });
  });

  it('sends ends alone, then the claim alone, when both together were refused; then rests', async () => {
    const { made, warnings } = planner();
    const refused = new DatabaseError('E_FAILED', 'no', { retry: 'final', fault: 'data' });
    await made.refused(made.next()!, refused, true);
    expect(made.next()).toBeUndefined();
    const alone = made.next()!;
    expect(alone.alone).toBe(true);
    await made.refused(alone, refused, false);
    expect(made.next()).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('The gateway refused a claim')]);
    expect(made.againMs).toBeGreaterThan(10_000);
  });
});
