import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Session } from '../../src/core/db/session.ts';
import { addressOf } from '../helpers/database.ts';
import { type PrivateServer, privateServer } from '../helpers/server.ts';

describe('the private server of a test', () => {
  let server: PrivateServer;
  beforeAll(async () => {
    server = await privateServer();
  });
  afterAll(() => server.stop());

  const session = () =>
    new Session({
      address: addressOf(server.url),
      timeZone: '+00:00',
      idleTimeoutS: 60,
      deadlineMs: 500,
      multiStatements: false,
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
    const open = session();
    await open.ready();
    await server.pause();
    await expect(open.rows('SELECT 1')).rejects.toMatchObject({ driverCode: 'AFD_DEADLINE' });
    await server.resume();
    await open.ready();
    expect(await open.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await open.close();
  });
});
