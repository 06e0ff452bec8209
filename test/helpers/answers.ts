// Answers of a gateway, compared with what its schemas say about them.
import { expect } from 'vitest';
import type { z } from 'zod';

/** Every member of the answer is described, and is as described. */
export function expectDescribed(schema: z.ZodType, json: unknown): void {
  expect(schema.parse(json)).toEqual(json);
}
