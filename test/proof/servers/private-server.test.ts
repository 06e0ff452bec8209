import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../../src/core/db/session.ts';
import { addressOf, serverAddress } from '../../helpers/database.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

describe('the private server of a test', skipBecause(NO_PRIVATE_SERVER, 'mysqld'), () => {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await privateServer();
  });
  afterAll(() => server.stop());

  const OPTIONS = { timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 10_000, multiStatements: false };
  const session = (more = {}) => new Session({ ...OPTIONS, ...more, address: addressOf(server.url) });

  it('is of the kind of the server of this run', async () => {
    const named = new Session({ ...OPTIONS, address: serverAddress() });
    const own = session();
    expect((await own.ready()).isMariaDb).toBe((await named.ready()).isMariaDb);
    expect(server.kind).toBe(own.facts.isMariaDb ? 'mariadb' : 'mysql');
    await Promise.all([named.close(), own.close()]);
  });

  it('keeps what was committed, and its address, over SIGKILL and a new start', async () => {
    const before = session();
    await before.ready();
    await before.write('CREATE TABLE kept (id INT PRIMARY KEY)');
    await before.write('INSERT INTO kept VALUES (7)');
    await server.kill();
    await expect(before.rows('SELECT 1')).rejects.toMatchObject({ code: 'E_DATABASE' });
    await server.start();
    await before.ready();
    expect(await before.rows('SELECT id FROM kept')).toEqual([{ id: 7 }]);
    await before.close();
  });

  it('answers nothing while it is paused, and goes on afterwards', async () => {
    const open = session({ deadlineMs: 500 });
    await open.ready();
    await server.pause();
    await expect(open.rows('SELECT 1')).rejects.toMatchObject({ driverCode: 'AFD_DEADLINE' });
    await server.resume();
    await open.ready();
    expect(await open.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await open.close();
  });
});
