// How a claim asks: how many sources, in which order, and whether they are counted first.
import type { ClaimSource } from '../../db/claim/claim-source.ts';
import type { ClaimRequest, SourceYield } from '../../db/claim/take-tasks.ts';

/** Sources asked in one claim. */
const USUAL_SOURCES = 4;
/** This many are counted first where more than usual may have tasks, and the claim is worth it. */
export const COUNTED_SOURCES = 10;
const COUNT_FROM = 20;

/**
 * `sources`: at most COUNTED_SOURCES, and one at least. `sparse`: one lane alone would not fill a claim. `mostFromFirst`: rows that may
 * be asked of the first.
 */
export function claimShape(
  sources: ClaimSource[],
  { limit, sparse, mostFromFirst }: { limit: number; sparse: boolean; mostFromFirst: number },
): Pick<ClaimRequest, 'sources' | 'countFirst' | 'ticket'> {
  const lane = sources[0]?.kind === 'lane';
  const few = sparse || mostFromFirst < limit;
  const countFirst = few && sources.length > USUAL_SOURCES && limit > COUNT_FROM && lane;
  const asked = countFirst ? sources : sources.slice(0, USUAL_SOURCES);
  // A few rows are found with a few steps more; a bounded count has counted from the cursor on.
  const large = limit > COUNT_FROM && !countFirst;
  return { sources: large ? asked : asked.map(fromCursor), countFirst, ticket: large && lane };
}

function fromCursor(source: ClaimSource): ClaimSource {
  return source.kind === 'lane' ? { ...source, frontier: false } : source;
}

/** Whether the lanes have little each, as far as this claim shows. */
export function isSparse(
  { sources, countFirst, limit }: Pick<ClaimRequest, 'sources' | 'countFirst' | 'limit'>,
  perSource: SourceYield[],
  before: boolean,
): boolean {
  const [first] = perSource;
  if (first === undefined || sources[0]?.kind !== 'lane') return before;
  if (countFirst) return 2 * perSource.filter((one) => one.exhausted).length > perSource.length;
  return first.exhausted ? 2 * first.count < limit : before;
}
