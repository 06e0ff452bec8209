// A storm from its plan to its verdict.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inSchema } from '../../src/core/db/address.ts';
import { Session } from '../../src/core/db/session.ts';
import { writerOf } from '../../src/core/writer/writer-finder.ts';
import { BIN } from '../helpers/command.ts';
import { check } from './check/check.ts';
import type { Evidence, Verdict } from './check/evidence.ts';
import { type Figures, figures } from './check/percentiles.ts';
import { readEvents } from './database-events.ts';
import { Faults } from './faults.ts';
import { type ChaosFleet, chaosFleet, SETTINGS } from './fleet.ts';
import { keepEvidence } from './kept.ts';
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

export interface StormResult {
  seed: number;
  server: string;
  verdicts: Verdict[];
  figures: Figures;
  /** What was done, by kind. */
  faults: Record<string, number>;
  kills: number;
  starts: number;
  seconds: number;
  skewed: boolean;
  events: number;
  executions: number;
  tasks: number;
  /** The server's own word. */
  version: string;
}

export async function storm(options: StormOptions): Promise<StormResult> {
  const { server, dir, bin = BIN, say = () => {}, stillMs = 60_000 } = options;
  const begun = performance.now();
  const plan = planOf(options);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'plan.json'), JSON.stringify(plan));
  const fleet = await chaosFleet({ dir, plan, server, bin, others: [...PRODUCERS, OPERATOR, FOREIGNER] });
  const faults = new Faults(fleet, server);
  const pulse = watchOurselves(fleet);
  let drained = false;
  try {
    await fleet.noteBoot(false);
    const name = server.topology ?? server.kind;
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
  const verdicts = check(evidence);
  const result: StormResult = {
    seed: options.seed,
    server: server.topology ?? server.kind,
    verdicts,
    figures: figures(evidence),
    faults: faults.counts as Record<string, number>,
    kills: evidence.history.filter((line) => line.f === 'kill').length,
    starts: fleet.nodes.reduce((sum, one) => sum + one.starts, 0),
    seconds: Math.round((performance.now() - begun) / 1000),
    skewed: fleet.skewed,
    events: evidence.events.length,
    executions: evidence.ledger.filter((line) => line.what === 'begin').length,
    tasks: plan.tasks.length,
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
  await waitFor(30_000, async () => {
    const [row] = await admin.rows(`SELECT COUNT(*) AS n FROM ${names.task} WHERE attempt > 0`);
    return Number(row?.n) > 0;
  });
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
async function drain(fleet: ChaosFleet, stillMs: number): Promise<boolean> {
  const { admin, names } = fleet;
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

async function waitFor(limitMs: number, ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + limitMs;
  while (performance.now() < end && !(await ask())) await pause(50);
}

async function gather(fleet: ChaosFleet, server: ChaosServer, drained: boolean): Promise<Evidence> {
  const address = inSchema(server.address, fleet.schema);
  const options = { timeZone: '+00:00', idleTimeoutS: 600, deadlineMs: 60_000, multiStatements: false };
  const session = new Session({ address, writer: writerOf(address), ...options });
  await patiently(() => session.ready());
  const events = await readEvents(session, fleet.procOf, server.members !== undefined);
  await session.write(`DROP DATABASE ${fleet.schema}`);
  await session.close();
  return keepEvidence(fleet.dir, { settings: SETTINGS, events, history: fleet.history.lines, drained });
}
