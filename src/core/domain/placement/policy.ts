/** How the fleet prefers one device to another: `load_balancer` of the configuration. */
export interface PlacementPolicy {
  strategy: 'least_tasks' | 'round_robin' | 'weighted';
  /** Weights of the strategy `weighted`. Used as they are: they need not add up to 1. */
  weights: { load_factor: number; capability_match: number; success_rate: number; response_time: number };
  /** Added to the score of a device in the region that the task prefers, whatever the strategy. */
  region_bonus: number;
  /** A device that scores less defers to those that do not. 0 = none does. */
  min_score: number;
}

export const DEFAULT_POLICY: PlacementPolicy = {
  strategy: 'least_tasks',
  weights: { load_factor: 0.4, capability_match: 0.3, success_rate: 0.2, response_time: 0.1 },
  region_bonus: 0.2,
  min_score: 0,
};
