// afd with one thing taken away, each caught by a short storm or by a named test. A patch must match its source exactly
// once: who moves the line moves the mutant with it.
import type { Mutant } from './mutant.ts';
import { OF_CLAIMS } from './of-claims.ts';
import { OF_BATCHES, OF_ENDS } from './of-ends.ts';
import { OF_FAILOVER } from './of-failover.ts';
import { OF_GATEWAYS } from './of-gateways.ts';
import { OF_NODES } from './of-nodes.ts';
import { OF_QUERIES } from './of-queries.ts';

export const MUTANTS: Mutant[] = [
  OF_CLAIMS,
  OF_NODES,
  OF_ENDS,
  OF_GATEWAYS,
  OF_QUERIES,
  OF_BATCHES,
  OF_FAILOVER,
].flat();
