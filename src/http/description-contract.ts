import { z } from 'zod';

export const openapiAnswer = z
  .looseObject({ openapi: z.string(), info: z.looseObject({ title: z.string(), version: z.string() }) })
  .meta({ examples: [{ openapi: '3.1.1', info: { title: 'afd', version: '0.1.0' } }] });
