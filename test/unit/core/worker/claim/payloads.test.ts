import { expect, it } from 'vitest';
import { DatabaseError } from '../../../../../src/core/db/database-error.ts';
import type { Session } from '../../../../../src/core/db/session.ts';
import { tableNames } from '../../../../../src/core/db/table-names.ts';
import { Payloads } from '../../../../../src/core/worker/claim/payloads.ts';
import { DatabaseWork } from '../../../../../src/core/worker/port/database-work.ts';

const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const LONG = 'The database sent more than 64 MiB in one answer; the connection was cut.';

it('finding S12: a payload that is longer than an answer may be fails its attempt, and the next one is fetched', async () => {
  // A session whose connection is cut by an answer without end: no server sends one on demand.
  const session = {
    ready: async () => {},
    async rows(_sql: string, [id]: unknown[]) {
      if (id === 2) return [{ task_data: '{}' }];
      throw new DatabaseError('E_DATABASE', LONG, { retry: 'connection', driverCode: 'AFD_ANSWER_TOO_LONG' });
    },
  } as unknown as Session;
  const payloads = new Payloads();
  const policy = { maxRetryCount: 3, backoff: () => 0 };
  const work = new DatabaseWork({ session, names, deviceId: 'w1', instanceToken: Buffer.alloc(16), policy });
  const want = (task_id: number) => payloads.fetch({ task_id, claim_token: Buffer.alloc(16), payload_bytes: 7 });
  const [long, short] = [want(1), want(2)];
  const told = expect(long).rejects.toThrow(`The payload of 7 bytes cannot be fetched: ${LONG}`);
  while (payloads.waiting > 0) await payloads.serve(work).catch(() => {});
  await told;
  expect(await short).toBe('{}');
});
