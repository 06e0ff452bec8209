import { z } from 'zod';

export const openapiAnswer = z
  .looseObject({
    openapi: z.string(),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    servers: z.array(z.unknown()),
    security: z.array(z.unknown()),
    tags: z.array(z.unknown()),
    paths: z.record(z.string(), z.unknown()),
    components: z.record(z.string(), z.unknown()),
  })
  .meta({
    examples: [
      {
        ...{ openapi: '3.1.1', info: { title: 'afd', version: '0.1.0' } },
        ...{ servers: [], security: [], tags: [], paths: {}, components: {} },
      },
    ],
  });
