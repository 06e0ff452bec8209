import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { returnTicket } from '../../../src/core/db/claim/claim-ticket.ts';
import { finishAndClaim } from '../../../src/core/db/claim/finish-and-claim.ts';
import { RETURN_TICKET, TICKETS, takeTicket } from '../../../src/core/db/claim/statements.ts';
import { ANY_WIDTHS } from '../../../src/core/db/claim/text-widths.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice, insertTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;
test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const PAIR = { lane: laneKey('t', null), claim_rank: 5 };
const take = (on: Session, pair = PAIR) => on.batch([RETURN_TICKET, takeTicket(db.names, pair, 0)]);
const held = async (on: Session) => (await on.rows('SELECT @afd_ticket AS name'))[0]?.name as string | null;
const takers = (n: number) => Promise.all(Array.from({ length: n }, () => db.session()));

/** Who holds each ticket of the pair: the number of a connection, or null. */
async function holders(): Promise<Array<number | null>> {
  const [names] = await takers(1);
  await take(names!);
  const name = (await held(names!))!;
  await names!.batch([RETURN_TICKET]);
  const one = (n: number) => `IS_USED_LOCK('${name.slice(0, -1)}${n}') AS t${n}`;
  const [row] = await session.rows(`SELECT ${Array.from({ length: TICKETS }, (_, n) => one(n)).join(', ')}`);
  return Object.values(row!) as Array<number | null>;
}

test('each that claims at one time has a ticket of its own, and one of another pair is another', async () => {
  const all = await takers(TICKETS);
  for (const one of all) await take(one);
  const names = await Promise.all(all.map(held));
  expect(new Set(names).size).toBe(TICKETS);
  expect(names).not.toContain(null);
  await take(session, { ...PAIR, claim_rank: 4 });
  expect(names).not.toContain(await held(session));
});

test('one more waits until the one that was taken is returned', async () => {
  const all = await takers(TICKETS);
  for (const one of all) await take(one);
  const [first] = all;
  const name = await held(first!);
  const waiting = take(session);
  await first!.batch([RETURN_TICKET]);
  await waiting;
  expect(await held(session)).toBe(name);
});

test('one that waited for a second for nothing goes on without', async () => {
  for (const one of await takers(TICKETS)) await take(one);
  await take(session);
  expect(await held(session)).toBeNull();
  // There is nothing to return, and no error.
  await returnTicket(session);
});

test('what a claim kept that failed is returned with the next ticket, and by returnTicket', async () => {
  await take(session);
  await take(session);
  await returnTicket(session);
  expect(await holders()).toEqual(Array.from({ length: TICKETS }, () => null));
});

test('a claim gives its ticket back, whether it brought something or not', async () => {
  const instance_token = randomBytes(16);
  await insertDevice(session, db.names, { device_id: 'd1', columns: { instance_token } });
  const id = await insertTask(session, db.names, { task_type: 't' });
  for (const expected of [[id], []]) {
    const { claimed } = await finishAndClaim(session, db.names, {
      ...{ device_id: 'd1', instance_token, finishes: [], widths: ANY_WIDTHS },
      policy: { maxRetryCount: 3, backoff: () => 0 },
      claim: {
        ...{ claim_token: randomBytes(16), limit: 50, free: 50, short: 50, countFirst: false, ticket: true },
        alone: false,
        sources: [{ kind: 'lane', ...PAIR, cursor: undefined }],
        leaseOf: () => 60,
        mostFrom: () => Number.POSITIVE_INFINITY,
        admit: () => 'record',
      },
    });
    expect(claimed.map((one) => one.id)).toEqual(expected);
    expect(await held(session)).not.toBeNull();
    expect(await holders()).toEqual(Array.from({ length: TICKETS }, () => null));
  }
});
