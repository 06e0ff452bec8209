// What a server sends without end, or never: memory and time of its client are bounded.
import { describe, expect, onTestFinished } from 'vitest';
import { withMigrator } from '../../../src/core/db/migrate/migrator-connection.ts';
import { runCommand } from '../../helpers/command.ts';
import { fakeServer } from '../../helpers/fake-server.ts';
import { it } from '../../helpers/fixture.ts';
import { freezable } from '../../helpers/freezable.ts';

const MIB = 1024 * 1024;
const run = async (port: number, args: string[]) => {
  const env = { AFD_DATABASE_URL: `mysql://afd:pw@127.0.0.1:${port}/afd`, AFD_DATABASE_CALL_TIMEOUT: '1' };
  const { code, stdout } = await runCommand([...args, '--json'], { cwd: '/', env });
  return [code, JSON.parse(stdout).error];
};

describe('finding S12: a migration', () => {
  const probing = { everyMs: 50, misses: 1 };

  it('ends when the server answers nobody any more, and goes on while it answers others', async ({ db }) => {
    const { address, freeze } = await freezable(db.address);
    const asks = (sql: string, before = () => {}) =>
      withMigrator(
        address,
        db.names,
        () => [],
        ({ ask }) => {
          before();
          return ask(sql);
        },
        probing,
      );
    expect(await asks('SELECT SLEEP(1) AS slept')).toEqual([{ slept: 0 }]);
    await expect(asks('SELECT 1 AS one', freeze)).rejects.toMatchObject({
      ...{ code: 'E_DATABASE', driverCode: 'AFD_DEADLINE' },
      message: expect.stringMatching(/^The database at 127\.0\.0\.1:\d+\/\w+ has not answered for/),
    });
  });

  it('ends when the server logs it in and then never answers; no server may read a file of the client', async () => {
    const mute = await fakeServer({ onQuery() {} });
    onTestFinished(() => mute.close());
    expect(await run(mute.port, ['migrate', 'up'])).toMatchObject([69, { code: 'E_DATABASE' }]);
    const CLIENT_LOCAL_FILES = 0x80;
    const flags = mute.logins.map(({ payload }) => payload.readUInt32LE(0) & CLIENT_LOCAL_FILES);
    expect([flags.length > 0, flags.filter((one) => one !== 0)]).toEqual([true, []]);
  });
});

describe('finding S12: an answer without end', () => {
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
    const data = { driver_code: 'AFD_ANSWER_TOO_LONG' };
    expect(await run(flood.port, ['status'])).toMatchObject([69, { code: 'E_DATABASE', data }]);
    // With what the kernel holds of it on both sides.
    expect(sent).toBeLessThan(16 * MIB);
  });

  it('of one that is open is cut at 64 MiB, or a little over its packets, and the session opens another connection', async ({
    db,
  }) => {
    const session = await db.session({ deadlineMs: 20_000 });
    const before = session.facts.connectionId;
    const most = Math.min(256, Math.max(64, Math.ceil(session.facts.maxAllowedPacket / MIB) + 1));
    // Half a megabyte in each.
    const rows = (mebibytes: number) =>
      `SELECT REPEAT('a', 524288) AS text FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b LIMIT ${2 * mebibytes}`;
    // Each answer is counted by itself.
    for (const n of [0.6, 0.7]) expect(await session.rows(rows(Math.floor(n * most)))).not.toHaveLength(0);
    const cut = { code: 'E_DATABASE', retry: 'connection', driverCode: 'AFD_ANSWER_TOO_LONG' };
    await expect(session.rows(rows(most + 36))).rejects.toMatchObject(cut);
    await session.ready();
    expect(session.facts.connectionId).not.toBe(before);
  });
});
