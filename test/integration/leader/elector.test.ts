// Electors on a real server with a monotonic clock that only the test moves. The database's own clock runs; leases are
// made old by writing expires_at.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, vi } from 'vitest';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { Elector, type ElectorOptions } from '../../../src/core/election/elector.ts';
import { type FoundDead, signsOfLife } from '../../../src/core/election/lock-watch.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { type DeviceRow, insertDevice } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { until } from '../../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let now: number;
let electors: Elector[];

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  now = 1_000_000;
  electors = [];
});

afterEach(() => Promise.all(electors.map((one) => one.close())));

interface Contender {
  elector: Elector;
  log: string[];
}

function contender(deviceId: string, options: Partial<ElectorOptions> = {}): Contender {
  const log: string[] = [];
  const elector = new Elector({
    deviceId,
    instanceToken: randomBytes(16),
    names: db.names,
    leaseDurationS: 10,
    leaseTrustS: 7,
    leaseRenewIntervalS: 2.5,
    lockGraceS: 1,
    lockTrustAfterStartS: 0,
    contend: true,
    monotonic: () => now,
    onGained: (term) => log.push(`gained ${term}`),
    onLost: (term, reason) => log.push(`lost ${term} ${reason}`),
    ...options,
  });
  electors.push(elector);
  return { elector, log };
}

const leaderRow = async () => (await session.rows(`SELECT * FROM ${db.names.leader}`))[0];
const expire = () =>
  session.write(`UPDATE ${db.names.leader} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1000 MICROSECOND`);

describe('acquiring and renewing', () => {
  test('the first to step leads term 1, the second follows, and a renewal extends the lease of the same term', async () => {
    const [a, b, watcher] = [contender('a'), contender('b'), contender('c', { contend: false })];
    await watcher.elector.step(session);
    expect((await leaderRow())?.holder).toBeNull();
    // Steps that overlap are one.
    expect(await Promise.all([a.elector.step(session), a.elector.step(session)])).toEqual([2500, 2500]);
    await b.elector.step(session);
    await session.write(`UPDATE ${db.names.leader} SET expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND`);
    await a.elector.step(session);
    await b.elector.step(session);
    expect([a.log, b.log, watcher.log]).toEqual([['gained 1'], [], []]);
    expect([a.elector.isLeader(), b.elector.isLeader()]).toEqual([true, false]);
    const [row] = await session.rows(
      `SELECT holder, term, expires_at > UTC_TIMESTAMP(3) + INTERVAL 9 SECOND AS longer FROM ${db.names.leader}`,
    );
    expect(row).toEqual({ holder: 'a', term: 1, longer: 1 });
  });

  test('of twenty that step at once on twenty connections, one leads', async () => {
    const many = Array.from({ length: 20 }, (_, n) => contender(`device-${n}`));
    const sessions = await Promise.all(many.map(() => db.session()));
    for (let round = 1; round <= 5; round += 1) {
      await Promise.all(many.map((one, n) => one.elector.step(sessions[n] as Session)));
      expect(many.filter((one) => one.elector.isLeader())).toHaveLength(1);
      await expire();
      now += 7000;
    }
    const terms = many.flatMap((one) => one.log.filter((line) => line.startsWith('gained')));
    expect(new Set(terms).size).toBe(terms.length);
  });
});

describe('losing', () => {
  test('R6 a leader whose renewals stop ends its trust before the lease expires, by its own timer too', async () => {
    const a = contender('a');
    await a.elector.step(session);
    now += 6999;
    expect(a.elector.isLeader()).toBe(true);
    now += 1;
    expect(a.elector.isLeader()).toBe(false);
    a.elector.checkTrust();
    expect(a.log).toEqual(['gained 1', 'lost 1 trust']);
    expect((await session.rows(`SELECT expires_at > UTC_TIMESTAMP(3) AS valid FROM ${db.names.leader}`))[0]).toEqual({
      valid: 1,
    });
  });

  test('the timer ends trust without anybody calling, also where it fires before its time', async () => {
    const log: string[] = [];
    let offset = 0;
    const a = contender('a', {
      leaseDurationS: 3,
      leaseTrustS: 1,
      leaseRenewIntervalS: 0.5,
      // As if each timer came 400 ms too soon: the clock is behind what the timer was set by.
      monotonic: () => performance.now() - offset,
      onLost: (term, reason) => log.push(`lost ${term} ${reason}`),
    });
    // An acquisition whose answer takes longer than the trust is none: on a busy machine it may take a second one.
    await until(async () => {
      await a.elector.step(session);
      return a.elector.term !== undefined;
    });
    offset = 400;
    const checks = vi.spyOn(a.elector, 'checkTrust');
    await until(() => log.length > 0);
    expect(log).toEqual([expect.stringMatching(/^lost \d trust$/)]);
    expect(checks.mock.calls.length).toBeGreaterThan(1);
  });

  test.for([
    ['a hung renewal that succeeds does not extend trust: it is measured from its start', 4000, ['gained 1']],
    [
      'a renewal that is answered after the end of trust does not bring the term back',
      8000,
      ['gained 1', 'lost 1 trust', 'gained 2'],
    ],
  ] as const)('R6 %s', async ([, after, log]) => {
    const a = contender('a');
    await a.elector.step(session);
    now += 1000;
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT * FROM ${db.names.leader} FOR UPDATE`);
    const renewing = a.elector.step(session);
    now += after;
    a.elector.checkTrust();
    await other.write('ROLLBACK');
    await renewing;
    expect(a.log).toEqual(log);
    if (log.length === 1) expect(a.elector.trustedUntil).toBe(1_000_000 + 1000 + 7000);
  });

  test('a renewal whose term was replaced fails, and the new leader stays', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.elector.step(session);
    await expire();
    await b.elector.step(session);
    await a.elector.step(session);
    expect([a.log, b.log]).toEqual([['gained 1', 'lost 1 replaced'], ['gained 2']]);
    expect(await leaderRow()).toMatchObject({ holder: 'b', term: 2 });
  });

  test('an expired lease is won again under a new term; another instance of the device takes it, and fences the first', async () => {
    const [old, young] = [contender('a'), contender('A')];
    await old.elector.step(session);
    await expire();
    await old.elector.step(session);
    expect(old.log).toEqual(['gained 1', 'lost 1 replaced', 'gained 2']);
    await young.elector.step(session);
    await old.elector.step(session);
    expect(young.log).toEqual(['gained 3']);
    expect(old.log[3]).toBe('lost 2 replaced');
  });

  test('an error leaves the leader leading until its trust ends', async () => {
    const a = contender('a');
    await a.elector.step(session);
    session.destroy();
    await expect(a.elector.step(session)).rejects.toThrow(/cannot be reached/);
    expect(a.elector.isLeader()).toBe(true);
    now += 7000;
    await expect(a.elector.step(session)).rejects.toThrow();
    expect(a.log).toEqual(['gained 1', 'lost 1 trust']);
    session = await db.session();
  });

  test('closing a leader ends its leadership and leaves the lease to expire', async () => {
    const a = contender('a');
    await a.elector.step(session);
    await a.elector.close();
    expect(a.log).toEqual(['gained 1', 'lost 1 stopped']);
    expect((await leaderRow())?.holder).toBe('a');
  });
});

describe('resigning', () => {
  test('the next step of another takes the lease; the one who resigned stands back for one lease', async () => {
    const [a, b, follower] = [contender('a'), contender('b'), contender('c')];
    await a.elector.step(session);
    await follower.elector.resign(session);
    expect(await leaderRow()).toMatchObject({ holder: 'a', term: 1 });
    await a.elector.resign(session);
    expect(a.log).toEqual(['gained 1', 'lost 1 resigned']);
    await a.elector.step(session);
    expect((await leaderRow())?.holder).toBeNull();
    await b.elector.step(session);
    expect(b.log).toEqual(['gained 2']);
    await b.elector.resign(session);
    now += 10_000;
    await a.elector.step(session);
    expect(a.log.at(-1)).toBe('gained 3');
  });

  test('a leader that an operator made resign stands back too', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.elector.step(session);
    await session.write(`UPDATE ${db.names.leader} SET holder = NULL, holder_token = NULL, expires_at = NULL`);
    await a.elector.step(session);
    expect(a.log).toEqual(['gained 1', 'lost 1 replaced']);
    await b.elector.step(session);
    expect(b.log).toEqual(['gained 2']);
  });
});

describe('a dead leader', () => {
  /** A leads; its device row says that it holds a lock on this server, which nobody does unless `hold` is called. */
  async function deadLeader() {
    const device = await insertDevice(session, db.names, { device_id: 'a', lock_taken_s: 0 });
    const [a, b] = [contender('a'), contender('b')];
    await a.elector.step(session);
    return { device, a, b };
  }

  test('is followed after the grace, long before its lease expires', async () => {
    const { b } = await deadLeader();
    expect(await b.elector.step(session)).toBe(1000);
    now += 999;
    expect(await b.elector.step(session)).toBe(1);
    expect(b.log).toEqual([]);
    now += 1;
    await b.elector.step(session);
    expect(b.log).toEqual(['gained 2']);
  });

  test('is named to its follower with the signs by which the duties know it; one whose lease ran out is not', async () => {
    await deadLeader();
    const [unlocked] = await unlockedDevices(session, db.names, 0);
    const named: Array<FoundDead | undefined> = [];
    const c = contender('c', { onGained: (_, found) => named.push(found) });
    await c.elector.step(session);
    now += 1000;
    await c.elector.step(session);
    expect(named).toEqual([{ device_id: 'a', signs: signsOfLife(unlocked!) }]);
    await expire();
    const d = contender('d', { onGained: (_, found) => named.push(found) });
    await d.elector.step(session);
    expect(named).toHaveLength(2);
    expect(named[1]).toBeUndefined();
  });

  const device = (change: string) => session.write(`UPDATE ${db.names.device} SET ${change}`);
  test.for<[string, { act?: (a: Contender, lock: DeviceRow) => Promise<unknown>; trustAfterS?: number }]>([
    ['it renews', { act: (a) => a.elector.step(session) }],
    ['it sends a heartbeat', { act: () => device('last_heartbeat = UTC_TIMESTAMP(3)') }],
    ['it is a new instance', { act: () => device("instance_token = UNHEX(REPEAT('0F', 16))") }],
    [
      'its lock is held',
      { act: async (_, lock) => (await db.session()).rows('SELECT GET_LOCK(?, 0)', [lock.lock_name]) },
    ],
    ['its lock is one of another server', { act: () => device("lock_server = 'elsewhere:1'") }],
    ['its lock is older than the server', { act: () => device("lock_taken_at = '2001-01-01 00:00:00'") }],
    ['the server has just started', { trustAfterS: 1_000_000_000 }],
  ])('is not dead when %s within the grace', async ([, { act, trustAfterS = 0 }]) => {
    const { device: row, a } = await deadLeader();
    const b = contender('b', { lockTrustAfterStartS: trustAfterS });
    await device('last_heartbeat = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND');
    await session.write(`UPDATE ${db.names.leader} SET renewed_at = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND`);
    await b.elector.step(session);
    await act?.(a, row);
    now += 1000;
    await b.elector.step(session);
    expect(b.log).toEqual([]);
  });

  test('must be watched on one connection', async () => {
    const { b } = await deadLeader();
    await b.elector.step(session);
    now += 1000;
    const again = await db.session();
    await b.elector.step(again);
    expect(b.log).toEqual([]);
    now += 1000;
    await b.elector.step(again);
    expect(b.log).toEqual(['gained 2']);
  });

  test('whose device row says offline is followed at once', async () => {
    const { b } = await deadLeader();
    await session.write(`UPDATE ${db.names.device} SET status = 'offline'`);
    await b.elector.step(session);
    expect(b.log).toEqual(['gained 2']);
  });
});
