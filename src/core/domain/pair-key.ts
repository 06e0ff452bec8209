/** Names a (lane, rank) in a map or a set. */
export function laneRankKey(pair: { lane: Buffer; claim_rank: number }): string {
  return `${pair.lane.toString('hex')}/${pair.claim_rank}`;
}
