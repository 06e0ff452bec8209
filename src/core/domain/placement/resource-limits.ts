// Resource limits protect a machine: over one of them it claims nothing. Its own readings decide, on the machine
// itself.

/** Per cent in use, 0–100; undefined = no limit. */
export interface ResourceLimits {
  cpu_usage?: number | undefined;
  memory_usage?: number | undefined;
  disk_usage?: number | undefined;
}

export type Reading = keyof ResourceLimits;

/** Per cent; null = could not be read. */
export type Readings = Record<Reading, number | null>;

export interface LimitState {
  /** What is compared with the limits. */
  level: Readings;
  over_limits: Reading[];
}

const NAMES: Record<Reading, string> = { cpu_usage: 'cpu', memory_usage: 'memory', disk_usage: 'disk' };
const READINGS = Object.keys(NAMES) as Reading[];
/** A processor is at its limit for a moment all the time: each reading counts by this share, those before by the rest. */
const CPU_SHARE = 0.3;
/** Points below a limit at which a machine that was over it may claim again; a tenth of the limit where that is less. */
const POINTS = 5;

export const OPEN: LimitState = {
  level: { cpu_usage: null, memory_usage: null, disk_usage: null },
  over_limits: [],
};

export function hasLimits(limits: ResourceLimits): boolean {
  return READINGS.some((name) => limits[name] !== undefined);
}

/**
 * The state after new readings. A machine is over a limit above its value, and no longer over it only clearly below, so
 * that a machine near its limit does not switch back and forth. A reading that cannot be made counts as below its
 * limit.
 */
export function nextLimitState(before: LimitState, readings: Readings, limits: ResourceLimits): LimitState {
  const level = { ...readings };
  const { cpu_usage: now } = readings;
  const last = before.level.cpu_usage;
  if (now !== null && last !== null) level.cpu_usage = last + CPU_SHARE * (now - last);
  const over_limits = READINGS.filter((name) => {
    const [limit, value] = [limits[name], level[name]];
    if (limit === undefined || value === null) return false;
    return value > (before.over_limits.includes(name) ? limit - Math.min(POINTS, limit / 10) : limit);
  });
  return { level, over_limits };
}

/** The exceeded limits in words, each with its reading. */
export function limitReasons({ level, over_limits }: LimitState, limits: ResourceLimits): string[] {
  return over_limits.map((name) => {
    const value = Math.round((level[name] ?? 0) * 10) / 10;
    const limit = limits[name] ?? 0;
    const over = value > limit ? `over its limit of ${limit} %` : `not yet clearly below its limit of ${limit} %`;
    return `${NAMES[name]} is at ${value} %, ${over}`;
  });
}
