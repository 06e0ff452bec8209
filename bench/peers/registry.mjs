import { afd } from './afd.mjs';
import { bullmq } from './bullmq.mjs';

export const PEERS = { afd, bullmq };
