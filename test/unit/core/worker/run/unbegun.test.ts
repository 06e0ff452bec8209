// An attempt that is aborted while its worker fetches what the handler needs.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ClaimedTask } from '../../../../../src/core/db/claim/claimed-task.ts';
import { AbortSwitch } from '../../../../../src/core/handlers/abort-switch.ts';
import type { AbortReason } from '../../../../../src/core/handlers/handler.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import { attemptSecrets } from '../../../../../src/core/worker/run/attempt-references.ts';
import { earlierCheckpoint } from '../../../../../src/core/worker/run/earlier-checkpoint.ts';
import { missingPayload } from '../../../../../src/core/worker/run/missing-payload.ts';
import type { RunningAttempt } from '../../../../../src/core/worker/run/running-attempt.ts';

const never = () => new Promise<never>(() => {});
const waiting = () => {
  const stop = new AbortSwitch(() => {});
  return { attempt: { stop, task_id: 1, claim_token: randomBytes(16), timeout_s: 2 } as RunningAttempt, stop };
};

describe.each([
  ['timeout', 'database'],
  ['database', 'database'],
  ['shutdown', 'shutdown'],
  ['revoked', 'revoked'],
] as const)('%s while the database is away', (reason: AbortReason, cause) => {
  test('gives the task back, when its checkpoint, its secrets or its payload did not come in time', async () => {
    const released = { kind: 'released', cause };
    const checkpoint = waiting();
    const one = earlierCheckpoint(checkpoint.attempt, { read: never });
    checkpoint.stop.abort(reason);
    expect(await one).toEqual(released);

    const secrets = waiting();
    const two = attemptSecrets(secrets.attempt, [], { secrets: never, hide: () => {} });
    secrets.stop.abort(reason);
    expect(await two).toEqual(released);

    const payload = waiting();
    const payloads = new Payloads();
    const three = missingPayload(payload.attempt, { payload_bytes: 5_000_000 } as ClaimedTask, payloads);
    payload.stop.abort(reason);
    await payloads.serve({ ready: async () => {}, payload: async () => '{}' });
    expect(await three).toEqual(released);
  });
});

test.each([
  ['is not JSON', async () => 'no json', /JSON/],
  ['cannot be read', () => Promise.reject(new Error('the table is gone')), /the table is gone/],
])('a checkpoint that %s fails the attempt, which is tried again', async (_, read, why) => {
  expect(await earlierCheckpoint(waiting().attempt, { read })).toEqual({
    ...{ kind: 'retry', error_class: 'checkpoint' },
    error_message: expect.stringMatching(why),
  });
});
