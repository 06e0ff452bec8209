import { afterEach, describe, expect, test } from 'vitest';
import { DatabaseError } from '../../../../src/core/db/database-error.ts';
import type { ServerFacts } from '../../../../src/core/db/server-facts.ts';
import { Session } from '../../../../src/core/db/session.ts';
import { Liveness } from '../../../../src/core/node/liveness.ts';
import type { LivenessReport, LivenessSettings } from '../../../../src/core/node/liveness-messages.ts';
import { until } from '../../../helpers/wait.ts';

const ADDRESS = { host: '127.0.0.1', port: 9, user: 'afd', database: 'afd' };
const SETTINGS: LivenessSettings = {
  ...{ board: undefined, log: { fd: undefined, format: 'json', level: 'error' }, waitDatabaseMs: 0, address: ADDRESS },
  gateway: undefined,
  ...{ timeZone: '+00:00', tables: { task: 'af_crawl_task', prefix: 'af_' }, callTimeoutMs: 1000, deviceId: 'w1' },
  ...{ tryNext: false, deviceName: undefined, deviceType: 'worker', capabilities: {}, slots: 2, hostName: 'h', pid: 1 },
  ...{ ring: { address: undefined, port: 0, token: undefined }, region: undefined, labels: undefined, version: '1' },
  ...{ limits: {}, limitsIntervalMs: 1000, heartbeatIntervalMs: 10_000, heartbeatTimeoutMs: 60_000 },
  ...{ tickIntervalMs: 5, taskPollIntervalMs: 1000, keepWarmMs: 10_000, contend: false, leaseDurationMs: 2000 },
  ...{ leaseTrustMs: 1000, leaseRenewMs: 200, lockGraceMs: 300, lockTrustAfterStartMs: 0 },
};

/** What a server would answer to a liveness session; what was sent is in `sent`, in words. */
class Scripted extends Session {
  readonly sent: string[] = [];
  connections = 0;
  reachable = true;
  /** Connection that holds the device's lock; 0 = none. */
  lockedBy = 0;
  /** Whether the device row names this instance. */
  ours = true;
  #open = false;

  override get alive() {
    return this.#open;
  }

  override get facts(): ServerFacts {
    const [serverName, localAddress] = ['server:1', '127.0.0.1'];
    const connection = `${serverName} ${this.connections}`;
    return { connectionId: this.connections, connection, serverName, localAddress } as ServerFacts;
  }

  override async ready() {
    if (!this.reachable) throw unreachable();
    if (!this.#open) this.connections += 1;
    this.#open = true;
    return this.facts;
  }

  override async rows<T>(sql: string): Promise<T[]> {
    this.#assertOpen();
    if (sql.includes('GET_LOCK')) {
      const got = this.lockedBy === 0 || this.lockedBy === this.connections;
      if (got) this.lockedBy = this.connections;
      this.sent.push(got ? 'lock' : 'lock refused');
      return [{ got: got ? 1 : 0 }] as T[];
    }
    if (sql.includes('DATABASE()')) return [{ name: 'afd' }] as T[];
    this.sent.push('owner');
    return [{ locked: this.lockedBy === this.connections ? 1 : 0, instance: 'ff' }] as T[];
  }

  override async write(sql: string) {
    this.#assertOpen();
    this.sent.push(sql.includes("'offline'") ? 'offline' : sql.includes('lock_taken_at') ? 'row' : 'heartbeat');
    return { affectedRows: this.ours ? 1 : 0, insertId: 0 };
  }

  override async batch(statements: Array<{ sql: string }>) {
    this.#assertOpen();
    const beats = statements[0]!.sql.startsWith('UPDATE');
    this.sent.push(beats ? 'heartbeat' : 'tick');
    const counts = { affectedRows: this.ours ? 1 : 0, insertId: 0 };
    return (beats ? [counts, counts, []] : [[]]) as never;
  }

  override destroy() {
    this.#open = false;
  }

  override async close() {
    this.#open = false;
    this.sent.push('closed');
  }

  /** The server, or the network, ends the connection. */
  lose() {
    this.#open = false;
    this.options.onLost?.();
  }

  #assertOpen() {
    if (!this.#open) throw unreachable();
  }
}

function unreachable() {
  return new DatabaseError('E_DATABASE', 'The database cannot be reached.', { retry: 'connection' });
}

const running: Liveness[] = [];
afterEach(() => Promise.allSettled(running.splice(0).map((one) => one.stop())));

async function liveness(settings: Partial<LivenessSettings> = {}) {
  const reports: LivenessReport[] = [];
  let session!: Scripted;
  const one = new Liveness(
    { ...SETTINGS, ...settings },
    (report) => reports.push(report),
    undefined,
    (_, onLost) => {
      const options = { address: ADDRESS, timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 1000 };
      session = new Scripted({ ...options, multiStatements: true, onLost });
      return session;
    },
  );
  running.push(one);
  await one.start();
  const kinds = () => reports.map(({ kind }) => kind);
  return {
    ...{ liveness: one, reports, session, kinds },
    said: (kind: LivenessReport['kind']) => until(() => kinds().includes(kind), undefined, kind),
  };
}

describe('the liveness of a device', () => {
  test('is its lock, then its row, then ticks, heartbeats at once when asked for, and at last a row that says offline', async () => {
    const { liveness: one, session, reports, said } = await liveness();
    await said('view');
    expect(session.sent.slice(0, 4)).toEqual(['lock', 'owner', 'row', 'tick']);
    expect(reports[0]).toMatchObject({ kind: 'registered', deviceId: 'w1', ipAddress: '127.0.0.1' });
    one.command({ kind: 'running', count: 2, claimed: 2 });
    one.command({ kind: 'heartbeat' });
    await said('heartbeat');
    expect(reports).toContainEqual({ kind: 'heartbeat', status: 'busy' });
    await one.stop();
    expect(session.sent.slice(-2)).toEqual(['offline', 'closed']);
  });

  test('lost with its connection is reported once, and back with the lock and the row', async () => {
    const { session, kinds, said } = await liveness();
    session.reachable = false;
    session.lockedBy = 0;
    session.lose();
    await said('database-lost');
    const { length } = session.sent;
    session.reachable = true;
    await said('database-back');
    expect(session.sent.slice(length, length + 2)).toEqual(['lock', 'row']);
    expect(kinds().filter((kind) => kind.startsWith('database'))).toEqual(['database-lost', 'database-back']);
  });

  test('goes on while the former connection holds the lock, and is back when it does no more', async () => {
    const { session, kinds, said } = await liveness();
    session.lose();
    await until(() => session.sent.filter((one) => one === 'lock refused').length >= 2);
    expect(kinds()).not.toContain('database-back');
    // The row says all the same that the device lives.
    expect(session.sent).toContain('heartbeat');
    session.lockedBy = 0;
    await said('database-back');
  });

  test('ends when another process holds the lock and the row', async () => {
    const { liveness: one, session } = await liveness();
    session.lockedBy = 99;
    session.ours = false;
    one.command({ kind: 'heartbeat' });
    await expect(one.finished).rejects.toMatchObject({ code: 'E_SUPERSEDED' });
  });

  test('without an answer of the database for two thirds of heartbeat_timeout is trusted no longer', async () => {
    const { session, said } = await liveness({ heartbeatTimeoutMs: 30 });
    session.reachable = false;
    session.lose();
    await said('trust-over');
  });
});
