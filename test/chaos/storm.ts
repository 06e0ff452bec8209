// A storm from its plan to its verdict.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inSchema } from '../../src/core/db/address.ts';
import { BIN } from '../helpers/command.ts';
import { sessionOf } from '../helpers/schema-of.ts';
import { check } from './check/check.ts';
import type { Evidence } from './check/evidence.ts';
import { figures } from './check/percentiles.ts';
import { readEvents } from './database-events.ts';
import { Faults } from './faults.ts';
import { type ChaosFleet, chaosFleet, SETTINGS } from './fleet.ts';
import { keepEvidence } from './history.ts';
import { FAKETIME } from './node-process.ts';
import { OPERATOR } from './operators.ts';
import { patiently } from './patiently.ts';
import { type Plan, type PlanOptions, planOf } from './plan.ts';
import { PRODUCERS, startProducers } from './producers.ts';
import type { ChaosServer } from './server.ts';
import { FOREIGNER } from './strangers.ts';

export interface StormOptions extends PlanOptions {
  server: ChaosServer;
  /** Where everything is kept that a verdict rests on. */
  dir: string;
  /** bin/run.js of the afd under test; default: this project's. */
  bin?: string;
  say?: (text: string) => void;
  /** Milliseconds without any change after everything was healed: nothing will ever move again. */
  stillMs?: number;
}

export type StormResult = Awaited<ReturnType<typeof storm>>;

export async function storm(options: StormOptions) {
  const { server, dir, bin = BIN, say = () => {}, stillMs = 60_000 } = options;
  const begun = performance.now();
  const plan = planOf(options);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'plan.json'), JSON.stringify(plan));
  const fleet = await chaosFleet({ dir, plan, server, bin, others: [...PRODUCERS, OPERATOR, FOREIGNER] });
  const faults = new Faults(fleet, server);
  const pulse = watchOurselves(fleet);
  const name = server.topology ?? server.kind;
  let drained = false;
  try {
    await fleet.noteBoot(false);
    fleet.history.note({ proc: 'storm', type: 'info', f: 'topology', name });
    for (const node of fleet.nodes) node.start();
    await rage(fleet, faults, plan, say);
    say('healed; waiting for everything to end');
    drained = await drain(fleet, stillMs);
  } finally {
    clearInterval(pulse);
    await faults.undo();
    await fleet.end().catch((error: Error) => say(`the fleet did not end well: ${error.message}`));
  }
  const evidence = await gather(fleet, server, drained);
  const result = {
    seed: options.seed,
    server: name,
    verdicts: check(evidence),
    figures: figures(evidence),
    /** What was done, by kind. */
    faults: faults.counts as Record<string, number>,
    kills: evidence.history.filter((line) => line.f === 'kill').length,
    starts: fleet.nodes.reduce((sum, one) => sum + one.starts, 0),
    seconds: Math.round((performance.now() - begun) / 1000),
    /** False: every clock is right, because libfaketime is missing. */
    skewed: FAKETIME !== undefined,
    events: evidence.events.length,
    executions: evidence.ledger.filter((line) => line.what === 'begin').length,
    tasks: plan.tasks.length,
    /** The server's own word. */
    version: fleet.version,
  };
  await writeFile(join(dir, 'verdict.json'), JSON.stringify(result, undefined, 2));
  return result;
}

const PULSE_MS = 200;
/** The proxies are in this process: what waits for it waits for the machine, and not for afd. */
const STARVED_MS = 1000;

function watchOurselves({ history }: ChaosFleet): NodeJS.Timeout {
  let before = performance.now();
  return setInterval(() => {
    const late = performance.now() - before - PULSE_MS;
    before = performance.now();
    if (late > STARVED_MS) history.note({ proc: 'storm', type: 'info', f: 'starved', ms: Math.round(late) });
  }, PULSE_MS);
}

async function rage(fleet: ChaosFleet, faults: Faults, plan: Plan, say: (text: string) => void): Promise<void> {
  const { admin, names } = fleet;
  const producers = startProducers(fleet, plan.tasks, plan.seed);
  // The first step meets a fleet that works.
  producers.release(0.02);
  const end = performance.now() + 30_000;
  const begun = `SELECT id FROM ${names.task} WHERE attempt > 0 LIMIT 1`;
  while (performance.now() < end && (await admin.rows(begun)).length === 0) await pause(50);
  for (const step of plan.steps) {
    await pause(step.gap_ms);
    producers.release(0.02 + 0.98 * (step.n / plan.steps.length));
    await faults.step(step);
    if (step.n % 50 === 0) say(`step ${step.n} of ${plan.steps.length}`);
  }
  producers.release(1);
  await faults.heal();
  await producers.done;
}

/** True when every task and every attempt has ended; false when nothing has moved for `stillMs`. */
async function drain({ admin, names }: ChaosFleet, stillMs: number): Promise<boolean> {
  let [before, movedAt] = ['', performance.now()];
  for (;;) {
    const [row] = await patiently(async () => {
      await admin.ready();
      return admin.rows(
        `SELECT (SELECT COUNT(*) FROM ${names.task} WHERE status IN ('pending', 'running', 'assigned', 'waiting')) AS tasks,
                (SELECT COUNT(*) FROM ${names.assignment} WHERE status IN ('assigned', 'running')) AS attempts,
                (SELECT COUNT(*) FROM chaos_event WHERE tbl IN ('task', 'assignment')) AS moves`,
      );
    });
    if (Number(row?.tasks) === 0 && Number(row?.attempts) === 0) return true;
    const now = JSON.stringify(row);
    if (now !== before) [before, movedAt] = [now, performance.now()];
    if (performance.now() - movedAt > stillMs) return false;
    await pause(300);
  }
}

async function gather(fleet: ChaosFleet, server: ChaosServer, drained: boolean): Promise<Evidence> {
  const session = sessionOf(inSchema(server.address, fleet.schema), { idleTimeoutS: 600, deadlineMs: 60_000 });
  await patiently(() => session.ready());
  const events = await readEvents(session, fleet.procOf, server.members !== undefined);
  await session.write(`DROP DATABASE ${fleet.schema}`);
  await session.close();
  return keepEvidence(fleet.dir, { settings: SETTINGS, events, history: fleet.history.lines, drained });
}
