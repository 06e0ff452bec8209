// Gates protect a machine: over one of them it claims nothing. Its own readings decide, on the machine itself.

/** Per cent in use, 0–100; undefined = no gate. */
export interface ResourceLimits {
  cpu_usage?: number | undefined;
  memory_usage?: number | undefined;
  disk_usage?: number | undefined;
}

export type Reading = keyof ResourceLimits;

/** Per cent; null = could not be read. */
export type Readings = Record<Reading, number | null>;

export interface LimitState {
  /** What is compared with the gates. */
  level: Readings;
  over_limits: Reading[];
}

const NAMES: Record<Reading, string> = { cpu_usage: 'cpu', memory_usage: 'memory', disk_usage: 'disk' };
const READINGS = Object.keys(NAMES) as Reading[];
/** A processor is at its limit for a moment all the time: each reading counts by this share, those before by the rest. */
const CPU_SHARE = 0.3;
/** A closed gate opens so many points below where it closed, or at a tenth below where the gate itself is low. */
const POINTS = 5;

export const OPEN: LimitState = {
  level: { cpu_usage: null, memory_usage: null, disk_usage: null },
  over_limits: [],
};

export function hasLimits(limits: ResourceLimits): boolean {
  return READINGS.some((name) => limits[name] !== undefined);
}

/**
 * The state after new readings. A gate closes above its value, and opens only clearly below it, so that a machine
 * near its gate does not come and go. What cannot be read closes nothing, and opens what was closed by it.
 */
export function nextLimitState(before: LimitState, readings: Readings, limits: ResourceLimits): LimitState {
  const level = { ...readings };
  const { cpu_usage: now } = readings;
  const last = before.level.cpu_usage;
  if (now !== null && last !== null) level.cpu_usage = last + CPU_SHARE * (now - last);
  const over_limits = READINGS.filter((name) => {
    const [gate, value] = [limits[name], level[name]];
    if (gate === undefined || value === null) return false;
    return value > (before.over_limits.includes(name) ? gate - Math.min(POINTS, gate / 10) : gate);
  });
  return { level, over_limits };
}

/** The closed gates in words: "memory is at 93 %, over its gate of 90 %". */
export function limitReasons({ level, over_limits }: LimitState, limits: ResourceLimits): string[] {
  return over_limits.map((name) => {
    const value = Math.round((level[name] ?? 0) * 10) / 10;
    const gate = limits[name] ?? 0;
    const over = value > gate ? `over its limit of ${gate} %` : `not yet clearly below its limit of ${gate} %`;
    return `${NAMES[name]} is at ${value} %, ${over}`;
  });
}
