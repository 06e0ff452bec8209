// Electors on a real server with a monotonic clock that only the test moves. The database's own clock runs; leases are
// made old by writing expires_at.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, vi } from 'vitest';
import { unlockedDevices } from '../../../src/core/db/devices/unlocked-devices.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { Elector, type ElectorOptions } from '../../../src/core/election/elector.ts';
import { type FoundDead, signsOfLife } from '../../../src/core/election/lock-watch.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertDevice } from '../../helpers/factories.ts';
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

function contender(deviceId: string, options: Partial<ElectorOptions> = {}) {
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
  return { elector, log, step: (by = session) => elector.step(by) };
}

const leaderRow = async () => (await session.rows(`SELECT * FROM ${db.names.leader}`))[0];
const change = (row: string) => session.write(`UPDATE ${db.names.leader} SET ${row}`);
const expire = () => change('expires_at = UTC_TIMESTAMP(3) - INTERVAL 1000 MICROSECOND');

describe('acquiring and renewing', () => {
  test('the first to step leads term 1, the second follows, and a renewal extends the lease of the same term', async () => {
    const [a, b, watcher] = [contender('a'), contender('b'), contender('c', { contend: false })];
    await watcher.step();
    expect((await leaderRow())?.holder).toBeNull();
    // Steps that overlap are one.
    expect(await Promise.all([a.step(), a.step()])).toEqual([2500, 2500]);
    await b.step();
    await change('expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND');
    await a.step();
    await b.step();
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
    for (let round = 1; round <= 3; round += 1) {
      await Promise.all(many.map((one, n) => one.step(sessions[n])));
      expect(many.filter((one) => one.elector.isLeader())).toHaveLength(1);
      await expire();
      now += 7000;
    }
    const terms = many.flatMap((one) => one.log.filter((line) => line.startsWith('gained')));
    expect(new Set(terms).size).toBe(terms.length);
  });
});

describe('losing', () => {
  test('R6 a leader whose renewals stop ends its trust before the lease expires', async () => {
    const a = contender('a');
    await a.step();
    now += 6999;
    expect(a.elector.isLeader()).toBe(true);
    now += 1;
    expect(a.elector.isLeader()).toBe(false);
    a.elector.checkTrust();
    expect(a.log).toEqual(['gained 1', 'lost 1 trust']);
    const [row] = await session.rows(`SELECT expires_at > UTC_TIMESTAMP(3) AS valid FROM ${db.names.leader}`);
    expect(row).toEqual({ valid: 1 });
  });

  test('the timer ends trust without anybody calling, also where it fires before its time', async () => {
    let offset = 0;
    const times = { leaseDurationS: 3, leaseTrustS: 1, leaseRenewIntervalS: 0.5 };
    // As if each timer came 400 ms too soon: the clock is behind what the timer was set by.
    const a = contender('a', { ...times, monotonic: () => performance.now() - offset });
    // An acquisition whose answer takes longer than the trust is none: on a busy machine it may take a second one.
    await until(async () => {
      await a.step();
      return a.elector.term !== undefined;
    });
    offset = 400;
    const checks = vi.spyOn(a.elector, 'checkTrust');
    await until(() => a.elector.term === undefined);
    expect(a.log.at(-1)).toMatch(/^lost \d trust$/);
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
    await a.step();
    now += 1000;
    const other = await db.session();
    await other.write('START TRANSACTION');
    await other.rows(`SELECT * FROM ${db.names.leader} FOR UPDATE`);
    const renewing = a.step();
    now += after;
    a.elector.checkTrust();
    await other.write('ROLLBACK');
    await renewing;
    expect(a.log).toEqual(log);
    if (log.length === 1) expect(a.elector.trustedUntil).toBe(1_000_000 + 1000 + 7000);
  });

  test('a lease that expired goes to who steps first, under a new term; another instance of its holder takes it at once', async () => {
    const [a, b, young] = [contender('a'), contender('b'), contender('B')];
    await a.step();
    await expire();
    await b.step();
    await a.step();
    expect([a.log, b.log]).toEqual([['gained 1', 'lost 1 replaced'], ['gained 2']]);
    await expire();
    await b.step();
    await young.step();
    await b.step();
    expect(b.log).toEqual(['gained 2', 'lost 2 replaced', 'gained 3', 'lost 3 replaced', 'gained 5']);
    expect(young.log).toEqual(['gained 4']);
  });

  test('an error leaves the leader leading until its trust ends', async () => {
    const a = contender('a');
    const broken = await db.session();
    await a.step(broken);
    broken.destroy();
    await expect(a.step(broken)).rejects.toThrow(/cannot be reached/);
    expect(a.elector.isLeader()).toBe(true);
    now += 7000;
    await expect(a.step(broken)).rejects.toThrow();
    expect(a.log).toEqual(['gained 1', 'lost 1 trust']);
  });

  test('closing a leader ends its leadership and leaves the lease to expire', async () => {
    const a = contender('a');
    await a.step();
    await a.elector.close();
    expect(a.log).toEqual(['gained 1', 'lost 1 stopped']);
    expect((await leaderRow())?.holder).toBe('a');
  });
});

describe('resigning', () => {
  test('the next step of another takes the lease; the one who resigned stands back for one lease', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.step();
    await b.elector.resign(session);
    expect(await leaderRow()).toMatchObject({ holder: 'a', term: 1 });
    await a.elector.resign(session);
    expect(a.log).toEqual(['gained 1', 'lost 1 resigned']);
    await a.step();
    expect((await leaderRow())?.holder).toBeNull();
    now += 10_000;
    await b.step();
    expect(b.log).toEqual(['gained 2']);
  });

  test('a leader that an operator made resign stands back too', async () => {
    const [a, b] = [contender('a'), contender('b')];
    await a.step();
    await change('holder = NULL, holder_token = NULL, expires_at = NULL');
    await a.step();
    expect(a.log).toEqual(['gained 1', 'lost 1 replaced']);
    await b.step();
    expect(b.log).toEqual(['gained 2']);
  });
});

describe('a dead leader', () => {
  /** A leads, and its device row says that it holds a lock on this server, which nobody does. B follows. */
  async function deadLeader(options: Partial<ElectorOptions> = {}) {
    const device = await insertDevice(session, db.names, { device_id: 'a', lock_taken_s: 0 });
    const a = contender('a');
    await a.step();
    return { device, a, b: contender('b', options) };
  }
  const device = (row: string) => session.write(`UPDATE ${db.names.device} SET ${row}`);

  test('is followed after the grace, long before its lease expires, and named with the signs by which the duties know it', async () => {
    const named: Array<FoundDead | undefined> = [];
    const { b } = await deadLeader({ onGained: (_, found) => named.push(found) });
    const [unlocked] = await unlockedDevices(session, db.names, 0);
    expect(await b.step()).toBe(1000);
    now += 999;
    expect(await b.step()).toBe(1);
    expect(b.elector.term).toBeUndefined();
    now += 1;
    await b.step();
    expect([b.elector.term, named]).toEqual([2, [{ device_id: 'a', signs: signsOfLife(unlocked!) }]]);
  });

  type Dead = Awaited<ReturnType<typeof deadLeader>>;
  test.for<[string, (dead: Dead) => Promise<unknown>]>([
    ['it renews', ({ a }) => a.step()],
    ['it sends a heartbeat', () => device('last_heartbeat = UTC_TIMESTAMP(3)')],
    [
      'its lock is held',
      async ({ device: { lock_name } }) => (await db.session()).rows('SELECT GET_LOCK(?, 0)', [lock_name]),
    ],
  ])('is not dead when %s within the grace', async ([, act]) => {
    const dead = await deadLeader();
    await device('last_heartbeat = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND');
    await change('renewed_at = UTC_TIMESTAMP(3) - INTERVAL 3 SECOND');
    await dead.b.step();
    await act(dead);
    now += 1000;
    await dead.b.step();
    expect(dead.b.log).toEqual([]);
  });

  test('must be watched on one connection', async () => {
    const { b } = await deadLeader();
    await b.step();
    now += 1000;
    const again = await db.session();
    await b.step(again);
    expect(b.log).toEqual([]);
    now += 1000;
    await b.step(again);
    expect(b.log).toEqual(['gained 2']);
  });

  test('whose device row says offline is followed at once', async () => {
    const { b } = await deadLeader();
    await device("status = 'offline'");
    await b.step();
    expect(b.log).toEqual(['gained 2']);
  });
});
