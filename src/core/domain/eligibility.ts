/** What a device says it can do: `supported_tasks` and any further capability. */
export interface Capabilities {
  supported_tasks?: string[] | undefined;
  [name: string]: unknown;
}

/** What all tasks of a lane ask for. */
export interface LaneRequirements {
  task_type: string;
  required_capabilities: Record<string, unknown> | null;
}

/**
 * Why a device may not run a lane's tasks; empty = it may. Hard rules only: the type is handled, and every required
 * capability is met (boolean: equal, where false or null asks for nothing; number: at least; string: equal, or one of
 * the device's list; list: every element is among the device's). `{"region": {"prefer": …}}` is a wish: it excludes no
 * device, and is the score's affair.
 */
export function infeasibleReasons(capabilities: Capabilities, lane: LaneRequirements): string[] {
  const reasons: string[] = [];
  const { supported_tasks: types } = capabilities;
  if (!Array.isArray(types) || !types.includes(lane.task_type)) {
    reasons.push(`does not handle ${lane.task_type}`);
  }
  for (const [name, wanted] of Object.entries(lane.required_capabilities ?? {})) {
    if (name === 'region' && isWish(wanted)) continue;
    if (!meets(capabilities[name], wanted)) reasons.push(`lacks ${name}=${JSON.stringify(wanted)}`);
  }
  return reasons;
}

function isWish(wanted: unknown): boolean {
  return typeof wanted === 'object' && wanted !== null && 'prefer' in wanted;
}

function meets(has: unknown, wanted: unknown): boolean {
  if (wanted === null || wanted === undefined || wanted === false) return true;
  if (wanted === true) return has === true;
  if (typeof wanted === 'number') return typeof has === 'number' && has >= wanted;
  const offered = Array.isArray(has) ? has : [has];
  if (Array.isArray(wanted)) return wanted.every((one) => offered.includes(one));
  return typeof wanted === 'string' && offered.includes(wanted);
}
