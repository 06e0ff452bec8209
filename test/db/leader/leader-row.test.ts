import { randomBytes } from 'node:crypto';
import { expect, vi } from 'vitest';
import { assertLeader, NotLeader } from '../../../src/core/db/leader/assert-leader.ts';
import { electLeader } from '../../../src/core/db/leader/elect-leader.ts';
import { readLease } from '../../../src/core/db/leader/read-lease.ts';
import { renewLeader } from '../../../src/core/db/leader/renew-leader.ts';
import { resignLeader } from '../../../src/core/db/leader/resign-leader.ts';
import { dutyTransaction } from '../../../src/core/leader/duty/duty-transaction.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';

useDatabase();
const a = { device_id: 'a', instance_token: randomBytes(16), lease_s: 10 };
const b = { device_id: 'b', instance_token: randomBytes(16), lease_s: 10 };
const otherInstance = { ...a, instance_token: randomBytes(16) };

const elect = (who: Parameters<typeof electLeader>[2], on = session) => electLeader(on, names, who);
const renew = (lease: typeof a & { term: number }) => renewLeader(session, names, lease, 10);
const lease = () => readLease(session, names, 0);
const expire = () =>
  session.write(`UPDATE ${names.leader} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1000 MICROSECOND`);
const row = async () => (await session.rows(`SELECT * FROM ${names.leader}`))[0];

it('the lease of a dead holder is taken only as it was seen', async () => {
  expect(await elect(a)).toBe(1);
  expect(await elect(b)).toBeUndefined();
  const seen = await lease();
  await session.write(`UPDATE ${names.leader} SET renewed_at = renewed_at + INTERVAL 1 SECOND`);
  expect(await elect({ ...b, dead: seen })).toBeUndefined();
  expect(await elect({ ...b, dead: await lease() })).toBe(2);
});

it('a lease ends by the clock of the server, whatever that of its node says', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  try {
    await elect(a);
    expect(await renew({ ...a, term: 1 })).toBe(true);
  } finally {
    vi.useRealTimers();
  }
  expect(await session.rows(`SELECT expires_at > UTC_TIMESTAMP(3) AS valid FROM ${names.leader}`)).toEqual([
    { valid: 1 },
  ]);
});

it('an expired lease is not extended, nor by another term, instance or holder', async () => {
  await elect(a);
  const before = await row();
  for (const of of [
    { ...a, term: 2 },
    { ...otherInstance, term: 1 },
    { ...b, term: 1 },
  ])
    expect(await renew(of)).toBe(false);
  expect(await row()).toEqual(before);
  await expire();
  expect(await renew({ ...a, term: 1 })).toBe(false);
});

it('resigning is bound to the term', async () => {
  await elect(a);
  expect(await resignLeader(session, names, { device_id: 'a', term: 2 })).toBe(false);
  expect((await row())?.holder).toBe('a');
  expect(await resignLeader(session, names, { device_id: 'a', term: 1 })).toBe(true);
  expect(await row()).toMatchObject({ holder: null, term: 1, expires_at: null });
});

const fenced = (term: number, holder = 'a') =>
  dutyTransaction(session, names, { holder, term }, (s) =>
    s.write(`INSERT INTO ${names.setting} (name, value) VALUES ('mark', '1')`),
  );
const written = async () => (await session.rows(`SELECT name FROM ${names.setting}`)).length;

it('a duty of a term that is over writes nothing', async () => {
  await elect(a);
  await expect(fenced(1, 'b')).rejects.toBeInstanceOf(NotLeader);
  await expire();
  await expect(fenced(1)).rejects.toBeInstanceOf(NotLeader);
  await elect(b);
  await expect(fenced(1)).rejects.toBeInstanceOf(NotLeader);
  expect(await written()).toBe(0);
});

it('nobody acquires between the fence and its commit; nobody waits for one that was frozen there', async () => {
  await elect(a);
  const frozen = await db.session();
  await frozen.write('START TRANSACTION');
  await assertLeader(frozen, names, { holder: 'a', term: 1 });
  // It would wait for the lock until it is refused (1205), and this session's heartbeat behind it.
  expect(await elect(otherInstance)).toBeUndefined();
  expect(await elect({ ...b, dead: await lease() })).toBeUndefined();
  await frozen.write('COMMIT');
  expect(await elect({ ...b, dead: await lease() })).toBe(2);
});
