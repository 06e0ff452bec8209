const DAY_MS = 86_400_000;
/** Days that are prepared in advance, so that a leader may be away for that time. */
const AHEAD = 2;

export interface PartitionPlan {
  /** In order; each holds one day: `before` is the first moment (UTC) that is not in it. */
  add: Array<{ name: string; before: string }>;
  drop: string[];
}

/**
 * Which day partitions of the heartbeat history are missing and which are too old. `existing` in the table's order,
 * `today` is the database's UTC date, `YYYY-MM-DD`. Partitions that are not named pYYYYMMDD are another program's and
 * stay.
 */
export function planPartitions(existing: string[], today: string, historyDays: number): PartitionPlan {
  const start = Date.parse(`${today}T00:00:00Z`);
  const days = existing.flatMap((name) => dayOf(name) ?? []);
  const last = Math.max(Number.NEGATIVE_INFINITY, ...days);
  const wanted = Array.from({ length: AHEAD + 1 }, (_, n) => start + n * DAY_MS);
  return {
    // Ranges can only be cut off the open end.
    add: wanted
      .filter((day) => day > last)
      .map((day) => ({ name: nameOf(day), before: `${dateOf(day + DAY_MS)} 00:00:00` })),
    drop: days.filter((day) => day < start - historyDays * DAY_MS).map(nameOf),
  };
}

function dateOf(day: number): string {
  return new Date(day).toISOString().slice(0, 10);
}

function nameOf(day: number): string {
  return `p${dateOf(day).replaceAll('-', '')}`;
}

function dayOf(name: string): number | undefined {
  const match = /^p(\d{4})(\d{2})(\d{2})$/.exec(name);
  return match === null ? undefined : Date.parse(`${match[1]}-${match[2]}-${match[3]}T00:00:00Z`);
}
