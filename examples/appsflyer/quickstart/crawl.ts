// The middle of the demonstration: watch the fleet work, kill one worker while it holds tasks, and go on watching until
// every task is done.
import { setTimeout as pause } from 'node:timers/promises';
import { QuickstartError } from './afd.ts';
import type { DemoDatabase } from './database.ts';
import type { Fleet } from './fleet.ts';
import { databaseTime, failures, type Rescue, rescueOf, type Snapshot, snapshot } from './observe.ts';

/** Who gets the reports: `event` once per happening, `status` again and again. */
export interface Report {
  event(text: string): void;
  status(text: string): void;
}

export interface Stage {
  database: DemoDatabase;
  fleet: Fleet;
  report: Report;
  signal: AbortSignal;
}

export interface KillResult extends Rescue {
  device_id: string;
  /** Attempts that were open just after it died. A commit of its own may still have been on its way to the server. */
  held: number;
  was_leader: boolean;
}

const LOOK_MS = 150;

/** Waits until all devices of the fleet are online and one of them leads. */
export async function untilReady({ database, fleet, report, signal }: Stage): Promise<void> {
  for (;;) {
    const now = await nextSnapshot(database, fleet, signal);
    const online = now.devices.filter(({ status }) => status !== 'offline').map(({ device_id }) => device_id);
    if (online.length === fleet.plans.length && now.leader !== null) {
      report.event(`${online.join(', ')} are online; ${now.leader.device_id} was elected leader`);
      return;
    }
    report.status(`online: ${online.join(', ') || 'nobody yet'}; leader: ${now.leader?.device_id ?? 'nobody yet'}`);
  }
}

/** Watches until `total` tasks are done; SIGKILLs `victim` in the middle, while it holds at least three. */
export async function crawl(stage: Stage, victim: string, total: number): Promise<KillResult> {
  const { database, fleet, report, signal } = stage;
  let killed: { at: string; held: number; was_leader: boolean } | undefined;
  let rescue: Rescue | undefined;
  let leader = '';
  for (;;) {
    const now = await nextSnapshot(database, fleet, signal);
    if (now.leader !== null && now.leader.device_id !== leader) {
      if (leader !== '') report.event(`${now.leader.device_id} is the leader now, term ${now.leader.term}`);
      leader = now.leader.device_id;
    }
    const done = now.tasks.done ?? 0;
    const target = now.devices.find(({ device_id }) => device_id === victim);
    const due = target !== undefined && target.held >= 3 && (target.completed >= 15 || done >= total / 2);
    if (killed === undefined && done >= total / 4 && due) {
      const at = await databaseTime(database);
      await fleet.kill(victim);
      const held = (await snapshot(database)).devices.find(({ device_id }) => device_id === victim)?.held ?? 0;
      killed = { at, held, was_leader: leader === victim };
      report.event(`SIGKILL: ${victim}${killed.was_leader ? ', the leader,' : ''} died while it held ${held} tasks`);
    } else if (killed !== undefined && rescue === undefined && target?.held === 0) {
      rescue = await rescueOf(database, victim, killed.at);
      report.event(`${rescue.lost} tasks of ${victim} were rescued ${seconds(rescue.taken_back_s)} after the kill`);
    }
    report.status(statusLine(now, total));
    if ((now.tasks.failed ?? 0) + (now.tasks.cancelled ?? 0) > 0) {
      throw new QuickstartError(['A task failed for good.', ...(await failures(database))].join('\n  '));
    }
    if (done >= total && done === sum(now.tasks)) break;
  }
  if (killed === undefined) throw new QuickstartError(`All tasks were done before ${victim} could be killed.`);
  const { at, held, was_leader } = killed;
  return { device_id: victim, held, was_leader, ...(await rescueOf(database, victim, at)) };
}

async function nextSnapshot(database: DemoDatabase, fleet: Fleet, signal: AbortSignal): Promise<Snapshot> {
  await pause(LOOK_MS, undefined, { signal }).catch(() => {
    throw signal.reason;
  });
  fleet.check();
  return snapshot(database);
}

function statusLine({ tasks, devices, leader }: Snapshot, total: number): string {
  const others = Object.entries(tasks).filter(([status]) => status !== 'done');
  const counts = [`done ${tasks.done ?? 0}/${total}`, ...others.map(([status, n]) => `${status} ${n}`)];
  const people = devices.map(({ device_id, status, held, slots, completed, lost }) => {
    const marks = [leader?.device_id === device_id ? 'leader' : '', lost > 0 ? `${lost} lost` : ''].filter(Boolean);
    return `${device_id} ${status} ${held}/${slots} slots, ${completed} done${marks.map((mark) => `, ${mark}`).join('')}`;
  });
  return [counts.join('  '), ...people].join('\n');
}

function sum(tasks: Record<string, number>): number {
  return Object.values(tasks).reduce((total, n) => total + n, 0);
}

export function seconds(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(1)} s`;
}
