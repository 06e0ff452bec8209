/** Names a (lane, rank) in a map or a set. */
export function pairKey(pair: { lane: Buffer; claim_rank: number }): string {
  return `${pair.lane.toString('hex')}/${pair.claim_rank}`;
}
