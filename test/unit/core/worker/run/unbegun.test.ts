// An attempt that is aborted while its worker fetches what the handler needs.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { AbortSwitch } from '../../../../../src/core/handlers/abort-switch.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import { attemptSecrets } from '../../../../../src/core/worker/run/attempt-references.ts';
import { earlierCheckpoint } from '../../../../../src/core/worker/run/earlier-checkpoint.ts';
import { missingPayload } from '../../../../../src/core/worker/run/missing-payload.ts';
import type { RunningAttempt } from '../../../../../src/core/worker/run/running-attempt.ts';
import { claimedTask } from '../../../../helpers/claimed-task.ts';

const never = () => new Promise<never>(() => {});
const waiting = () =>
  ({ stop: new AbortSwitch(), task_id: 1, claim_token: randomBytes(16), timeout_s: 2 }) as RunningAttempt & {
    stop: AbortSwitch;
  };

test.each([
  ['timeout', 'database'],
  ['shutdown', 'shutdown'],
  ['revoked', 'revoked'],
] as const)('%s gives back a task whose checkpoint, secrets or payload did not come in time', async (reason, cause) => {
  const payloads = new Payloads();
  for (const fetch of [
    (attempt: RunningAttempt) => earlierCheckpoint(attempt, { read: never }),
    (attempt: RunningAttempt) => attemptSecrets(attempt, [], { secrets: never, hide: () => {} }),
    (attempt: RunningAttempt) => missingPayload(attempt, claimedTask({ payload_bytes: 5_000_000 }), payloads),
  ]) {
    const attempt = waiting();
    const fetched = fetch(attempt);
    attempt.stop.abort(reason);
    await payloads.serve({ ready: async () => {}, payload: async () => '{}' });
    expect(await fetched).toEqual({ kind: 'released', cause });
  }
});

test.each([
  ['is not JSON', async () => 'no json', /JSON/],
  ['cannot be read', () => Promise.reject(new Error('the table is gone')), /the table is gone/],
])('a checkpoint that %s fails the attempt, which is tried again', async (_, read, why) => {
  expect(await earlierCheckpoint(waiting(), { read })).toEqual({
    ...{ kind: 'retry', error_class: 'checkpoint' },
    error_message: expect.stringMatching(why),
  });
});
