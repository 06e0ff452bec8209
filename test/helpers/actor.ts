import type { Actor } from '../../src/core/domain/audit/actor.ts';

/** Who acts in a test. */
export const actor = (label = 'test', reason?: string): Actor => ({
  ...{ who: `os:${label}`, label, source: null, request_id: 'of-a-test', reason },
});
