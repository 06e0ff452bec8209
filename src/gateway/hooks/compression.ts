// gzip and br, both ways: answers as the client accepts them, requests as it says it sent them.
import { constants } from 'node:zlib';
import fastifyCompress from '@fastify/compress';
import type { FastifyInstance } from 'fastify';

/** Shorter answers are no smaller on the way. */
const FROM_BYTES = 1024;
/** Levels at which compressing costs less time than it saves on a usual network. */
const GZIP_LEVEL = 3;
const BROTLI_LEVEL = 3;

export async function compression(app: Pick<FastifyInstance, 'register'>): Promise<void> {
  await app.register(fastifyCompress, {
    threshold: FROM_BYTES,
    encodings: ['br', 'gzip', 'identity'],
    requestEncodings: ['br', 'gzip', 'identity'],
    zlibOptions: { level: GZIP_LEVEL },
    brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_LEVEL } },
  });
}
