import type { LaneRequirements } from '../eligibility.ts';

/** What all tasks of a lane have in common, as far as placing them goes. */
export interface Lane extends LaneRequirements {
  /** Seconds, where the producer said so. */
  estimated_duration?: number | null | undefined;
}

/** Regions that the lane's tasks would rather run in: `{"region": {"prefer": "cn-east"}}`, or a list of them. */
export function preferredRegions(lane: LaneRequirements): string[] {
  const wanted = lane.required_capabilities?.region;
  if (typeof wanted !== 'object' || wanted === null || !('prefer' in wanted)) return [];
  const { prefer } = wanted;
  return (Array.isArray(prefer) ? prefer : [prefer]).filter((one) => typeof one === 'string');
}
