// What will be done to a fleet, decided by the seed alone. When each fault meets which task is the operating system's
// affair: a seed replays the plan, not the interleaving.
import { Random } from './random.ts';

/** SIGKILLs of what holds tasks, locks or the lease; what `--kills` counts. */
export const KILLS: readonly string[] = ['kill-worker', 'kill-leader', 'kill-database'];

const WEIGHTS = {
  ...{ 'kill-worker': 40, 'kill-leader': 8, 'kill-database': 1, 'kill-gateway': 5 },
  ...{ 'stop-gateway': 4, 'stop-worker': 7, 'stop-leader': 4, 'stop-database': 1.5 },
  ...{ reset: 6, 'freeze-up': 3, 'freeze-down': 3, 'half-open': 3, latency: 3 },
  ...{ 'cut-before-commit': 5, 'cut-commit-sent': 6, 'cut-commit-answered': 5 },
  ...{ 'kill-connection': 2, 'lock-row': 2, cancel: 2, 'cancel-force': 1 },
  ...{ reassign: 2, 'reassign-to': 2, 'reassign-force': 2, retry: 2, 'retry-force': 1 },
  ...{ 'pause-device': 1, 'resign-leader': 1, 'foreign-reset': 3 },
  ...{ 'block-worker': 2, 'block-leader': 2, 'block-both': 1 },
  ...{ 'kill-query': 3, 'lock-pending': 2 },
  ...{ 'read-only': 1, 'offline-mode': 1, 'odd-globals': 1, 'odd-row': 5 },
};
/** Done to members of a replicated database that do not take the writes, or to what connects them. */
const TO_MEMBERS = ['kill-secondary', 'stop-secondary', 'stop-majority', 'cut-primary'] as const;
export type MemberFault = (typeof TO_MEMBERS)[number];
export type FaultKind = keyof typeof WEIGHTS | MemberFault | 'switch-database';
export type Weights = Partial<Record<FaultKind, number>>;

export const isToMembers = (kind: FaultKind): kind is MemberFault => (TO_MEMBERS as readonly string[]).includes(kind);

export const EVERYTHING: Weights = WEIGHTS;

/** Without what is done by the one account of one server, and more of what a replicated database is for. */
export const REPLICATED: Weights = {
  ...EVERYTHING,
  ...{ 'kill-database': 6, 'stop-database': 3, 'switch-database': 6 },
  ...{ 'kill-secondary': 2, 'stop-secondary': 2, 'stop-majority': 2, 'cut-primary': 2 },
  ...{ 'read-only': 0, 'offline-mode': 0, 'odd-globals': 0, 'kill-query': 0, 'kill-connection': 0 },
};
/** Milliseconds for which a handler does not come back to its event loop: three leases (fleet.ts). */
const BLOCKED_MS = 12_000;

export interface Step {
  n: number;
  kind: FaultKind;
  /** Milliseconds after the step before. */
  gap_ms: number;
  /** How long a fault lasts; until a killed process is started again. */
  ms: number;
  /** In [0, 1): which of those that can be hit. */
  aim: number;
  /** An operator's step: by the command line, and not by the functions behind it. */
  cli: boolean;
}

export interface PlannedTask {
  /** Begins with the type, so that the checker knows the lane. */
  key: string;
  /** `short`: only tasks that take less than a tenth of a second, as most queues have them. */
  task_type: 'work' | 'short' | 'shell';
  task_data: { ms: number; fate: Fate; fails: number };
  execution_timeout?: number;
  /** Both producers send it. */
  twice: boolean;
}

export interface PlannedDevice {
  id: string;
  role: 'worker' | 'leader' | 'gateway';
  /** A worker that has no way to the database, only to the gateways. */
  remote?: true;
  /** Seconds by which its wall clock is wrong. */
  skew_s: number;
}

export interface Plan {
  seed: number;
  devices: PlannedDevice[];
  steps: Step[];
  tasks: PlannedTask[];
}

export interface PlanOptions {
  seed: number;
  kills: number;
  tasks: number;
  workers?: number;
  /** How many of them are remote; default: half. */
  remote?: number;
  weights?: Weights;
  /** Mean milliseconds between two steps. */
  pace_ms?: number;
}

const FATES = {
  ...{ ok: 77, slow: 6, fails: 5, later: 2, permanent: 1, hopeless: 1, timeout: 1 },
  ...{ parent: 4, shell: 3 },
};
/** `poison`: kills its worker. */
type Fate = keyof typeof FATES | 'poison';
const SHORT_MS = 80;
/** One task in this number kills its worker, in each attempt. */
const POISON_EVERY = 700;

/** How the ids of remote workers and of gateways begin. */
export const REMOTE = 'r';
export const GATEWAY = 'gateway';

export function planOf(options: PlanOptions): Plan {
  const { seed, kills, tasks, workers = 6, weights = EVERYTHING, pace_ms = 500 } = options;
  const { remote = Math.floor(workers / 2) } = options;
  const random = new Random(seed);
  const direct = workers - remote;
  const devices = Array.from({ length: workers }, (_, n): PlannedDevice => {
    const one = { role: 'worker', skew_s: n % 2 === 1 ? random.pick([-600, -61, 61, 600]) : 0 } as const;
    return n < direct ? { id: `w${n + 1}`, ...one } : { id: `${REMOTE}${n + 1 - direct}`, remote: true, ...one };
  });
  devices.push({ id: 'lead', role: 'leader', skew_s: random.pick([-600, 600]) });
  // Two, so that a remote worker has another way when one is killed or stands still.
  for (const n of remote > 0 ? [1, 2] : [])
    devices.push({ id: `${GATEWAY}${n}`, role: 'gateway', skew_s: n === 2 ? 61 : 0 });
  const steps: Step[] = [];
  for (let killed = 0; killed < kills; ) {
    const kind = random.weighted<FaultKind>(weights);
    if (KILLS.includes(kind)) killed += 1;
    steps.push({
      n: steps.length + 1,
      kind,
      gap_ms: random.int(Math.round(pace_ms / 5), Math.round((pace_ms * 9) / 5)),
      ms: lasting(kind, random),
      aim: random.next(),
      cli: random.chance(0.1),
    });
  }
  return { seed, devices, steps, tasks: Array.from({ length: tasks }, (_, n) => taskOf(n, seed, random)) };
}

function lasting(kind: FaultKind, random: Random): number {
  // A device that is back at once finds its own attempts; one that stays away leaves them to the leader.
  if (kind === 'kill-worker' || kind === 'kill-leader')
    return random.chance(0.5) ? random.int(0, 50) : random.int(500, 2500);
  if (kind === 'kill-database') return random.int(0, 1500);
  if (kind === 'stop-database') return random.int(200, 4000);
  // Some are long enough that the others replace who is gone.
  if (isToMembers(kind)) return random.int(500, 15_000);
  // Some outlast heartbeat_timeout and lease.
  if (kind === 'stop-worker' || kind === 'stop-leader')
    return random.chance(0.5) ? random.int(100, 2000) : random.int(3000, 9000);
  if (kind.startsWith('block-')) return BLOCKED_MS;
  if (kind === 'lock-row' || kind === 'kill-query') return random.int(300, 2500);
  return random.int(100, 4000);
}

function taskOf(n: number, seed: number, random: Random): PlannedTask {
  const poison = n % POISON_EVERY === POISON_EVERY / 2;
  const fate: Fate = poison ? 'poison' : random.weighted(FATES);
  const short = random.chance(0.7) ? random.int(2, SHORT_MS) : random.int(200, 1500);
  const ms = fate === 'slow' ? random.int(2000, 6000) : fate === 'timeout' ? 30_000 : short;
  const task_type = fate === 'shell' ? 'shell' : ms <= SHORT_MS && fate !== 'poison' ? 'short' : 'work';
  return {
    key: `${task_type}-${seed}-${n}`,
    task_type,
    task_data: { ms, fate, fails: fate === 'fails' ? random.int(1, 2) : 0 },
    ...(fate === 'timeout' ? { execution_timeout: 2 } : {}),
    twice: random.chance(0.05),
  };
}
