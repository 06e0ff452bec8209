import { afd } from './afd.mjs';
import { bullmq } from './bullmq.mjs';
import { graphile } from './graphile.mjs';
import { pgboss } from './pgboss.mjs';
import { sidequest } from './sidequest.mjs';

export const PEERS = { afd, bullmq, graphile, pgboss, sidequest };
