// What a server sends without end, or never: memory and time of its client are bounded.
import { describe, expect, onTestFinished } from 'vitest';
import { withMigrator } from '../../../src/core/db/migrate/migrator-connection.ts';
import { runCommand } from '../../helpers/command.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { fakeServer } from '../../helpers/fake-server.ts';
import { it } from '../../helpers/fixture.ts';
import { freezable } from '../../helpers/freezable.ts';

let db: TestDatabase;
it.beforeEach(({ given }) => {
  db = given.db;
});

describe('finding S12: a migration', () => {
  it('ends when the server answers nobody any more', async () => {
    const { address, freeze } = await freezable(db.address);
    const stuck = withMigrator(
      address,
      db.names,
      () => [],
      ({ ask }) => {
        freeze();
        return ask('SELECT 1 AS one');
      },
      { everyMs: 50, misses: 1 },
    );
    await expect(stuck).rejects.toMatchObject({
      code: 'E_DATABASE',
      driverCode: 'AFD_DEADLINE',
      message: expect.stringMatching(/^The database at 127\.0\.0\.1:\d+\/\w+ has not answered for/),
    });
  });

  it('goes on for as long as a statement takes while the server answers others', async () => {
    const { address } = await freezable(db.address);
    const answer = withMigrator(
      address,
      db.names,
      () => [],
      ({ ask }) => ask('SELECT SLEEP(1) AS slept'),
      {
        everyMs: 20,
        misses: 1,
      },
    );
    expect(await answer).toEqual([{ slept: 0 }]);
  });

  it('ends when the server logs it in and then never answers', async () => {
    const mute = await fakeServer({ onQuery() {} });
    onTestFinished(() => mute.close());
    const address = { host: '127.0.0.1', port: mute.port, user: 'afd', password: 'pw', database: 'afd' };
    await expect(
      withMigrator(
        address,
        db.names,
        () => [],
        async () => {},
        { everyMs: 50, misses: 1 },
      ),
    ).rejects.toMatchObject({ code: 'E_DATABASE', driverCode: 'AFD_DEADLINE' });
    const run = await runCommand(['migrate', 'up', '--json'], {
      cwd: '/',
      env: { AFD_DATABASE_URL: `mysql://afd:pw@127.0.0.1:${mute.port}/afd`, AFD_DATABASE_CALL_TIMEOUT: '1' },
    });
    expect([run.code, JSON.parse(run.stdout).error.code]).toEqual([69, 'E_DATABASE']);
  }, 90_000);

  it('lets no server read a file of the client', async () => {
    const CLIENT_LOCAL_FILES = 0x80;
    const server = await fakeServer();
    onTestFinished(() => server.close());
    const address = { host: '127.0.0.1', port: server.port, user: 'afd', password: 'pw', database: 'afd' };
    await expect(
      withMigrator(
        address,
        db.names,
        () => [],
        async () => {},
      ),
    ).rejects.toMatchObject({
      code: 'E_FORBIDDEN',
    });
    expect(server.logins.map(({ payload }) => payload.readUInt32LE(0) & CLIENT_LOCAL_FILES)).toEqual([0]);
  });
});

describe('finding S12: an answer without end', () => {
  const MIB = 1024 * 1024;

  it('of a server that has not said who it is is cut after a megabyte', async () => {
    let sent = 0;
    const flood = await fakeServer({
      onQuery(_sql, { socket }) {
        // A count of columns, and then one packet of the largest size after the other, which are one to the driver.
        socket.write(Buffer.from([1, 0, 0, 1, 1]));
        const part = Buffer.alloc(MIB, 0x61);
        const header = Buffer.from([0xff, 0xff, 0xff, 2]);
        const pour = () => {
          while (!socket.destroyed) {
            sent += part.length;
            if (!socket.write(sent === part.length ? Buffer.concat([header, part]) : part)) break;
          }
        };
        socket.on('drain', pour);
        pour();
      },
    });
    onTestFinished(() => flood.close());
    const run = await runCommand(['status', '--json'], {
      cwd: '/',
      env: { AFD_DATABASE_URL: `mysql://afd:pw@127.0.0.1:${flood.port}/afd` },
    });
    const { error } = JSON.parse(run.stdout);
    expect([run.code, error.code, error.data.driver_code]).toEqual([69, 'E_DATABASE', 'AFD_ANSWER_TOO_LONG']);
    // With what the kernel holds of it on both sides.
    expect(sent).toBeLessThan(16 * MIB);
  });

  it('of one that is open is cut at 64 MiB, or a little over its packets, and the session opens another connection', async () => {
    let lost = 0;
    const session = await db.session({
      deadlineMs: 20_000,
      onLost: () => {
        lost += 1;
      },
    });
    const before = session.facts.connectionId;
    const most = Math.min(256, Math.max(64, Math.ceil(session.facts.maxAllowedPacket / MIB) + 1));
    // Half a megabyte in each.
    const rows = (mebibytes: number) =>
      `SELECT REPEAT('a', 524288) AS text FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b LIMIT ${2 * mebibytes}`;
    // Each answer is counted by itself.
    for (const n of [0.6, 0.7]) expect(await session.rows(rows(Math.floor(n * most)))).not.toHaveLength(0);
    await expect(session.rows(rows(most + 36))).rejects.toMatchObject({
      code: 'E_DATABASE',
      retry: 'connection',
      driverCode: 'AFD_ANSWER_TOO_LONG',
    });
    expect([session.alive, lost]).toEqual([false, 1]);
    await session.ready();
    expect(session.facts.connectionId).not.toBe(before);
  });
});
