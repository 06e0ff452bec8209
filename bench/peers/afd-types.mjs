/** Task type of the n-th lane. */
export function typeOf(lane) {
  return lane === 0 ? 'bench' : `bench_${lane}`;
}
