// What a server says of itself to who asks for the writer, and sessions whose writer is found by somebody.
import { expect, onTestFinished, vi } from 'vitest';
import type { DatabaseAddress, FoundWriter, WriterSource } from '../../../src/core/db/address.ts';
import { Session } from '../../../src/core/db/session.ts';
import { askMember } from '../../../src/core/db/writer/ask-member.ts';
import { assumeIdentity } from '../../../src/core/node/device-identity.ts';
import type { LivenessSettings } from '../../../src/core/node/liveness-messages.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { freezable } from '../../helpers/freezable.ts';
import { addDevice } from '../../helpers/rows-here.ts';
import { sessionOf } from '../../helpers/schema-of.ts';

useDatabase();

/** A port on which nothing listens. */
function nobody({ socketPath: _, ...address }: DatabaseAddress): DatabaseAddress {
  return { ...address, host: '127.0.0.1', port: 1 };
}

/** Says that these are the writer, one after the other; the last for good. */
function source(...addresses: DatabaseAddress[]) {
  const follows = new Set<() => void>();
  const doubts: boolean[] = [];
  const writer: WriterSource = {
    devices: 1,
    async find() {
      const address = addresses.length > 1 ? addresses.shift()! : addresses[0]!;
      return { address, topology: 'replicas' } satisfies FoundWriter;
    },
    learn: (hosts) => [...hosts],
    doubt: (_, hung) => doubts.push(hung),
    follow(_, leave) {
      follows.add(leave);
      return () => follows.delete(leave);
    },
  };
  return { writer, follows, doubts };
}

async function opened(session: Session): Promise<Session> {
  onTestFinished(() => session.close());
  await session.ready();
  return session;
}

it('a member that is asked says which server it is, as a session knows it, and that it takes writes', async () => {
  const state = await askMember(db.address, 5000);
  expect(state).toMatchObject({ server: session.facts.serverName, readOnly: false, galera: undefined });
  expect(Math.abs(state.startedMs - Date.parse(`${session.facts.startedAt.replace(' ', 'T')}Z`))).toBeLessThan(2000);
  if (session.facts.isMariaDb) expect(state.server).toMatch(/^.+:\d+:\d+$/);
  else expect(state.server).toMatch(/^[0-9a-f-]{36}$/);
});

it('a member that is asked answers although it does not have the schema yet, and one that is not there is an error, at once', async () => {
  expect((await askMember({ ...db.address, database: 'afd_not_there_yet' }, 5000)).readOnly).toBe(false);
  await expect(askMember(nobody(db.address), 5000)).rejects.toMatchObject({ retry: 'connection' });
});

it('a member that is asked is not waited for when nobody needs its answer any more', async () => {
  const over = new AbortController();
  const asked = expect(askMember(db.address, 60_000, over.signal)).rejects.toThrow('not needed any more');
  over.abort();
  await asked;
});

it('a session of several members asks once more when the writer that was found long ago is gone', async () => {
  const { writer, doubts } = source(nobody(db.address), db.address);
  const own = await opened(sessionOf(db.address, { writer }));
  expect(own.alive).toBe(true);
  expect(own.where).toContain(`/${db.address.database}`);
  expect(doubts).toEqual([false]);
  const lost = sessionOf(db.address, source(nobody(db.address)));
  await expect(lost.ready()).rejects.toMatchObject({ driverCode: 'ECONNREFUSED' });
});

it('a session of several members ends when another server has become the writer, and says so', async () => {
  const { writer, follows } = source(db.address);
  const onLost = vi.fn();
  const own = await opened(sessionOf(db.address, { writer, onLost }));
  for (const leave of follows) leave();
  expect(own.alive).toBe(false);
  expect(onLost).toHaveBeenCalledOnce();
  expect(follows.size).toBe(0);
  await own.ready();
  own.destroy();
  expect(follows.size).toBe(0);
});

it('a session of several members says that a call hung', async () => {
  const { address, freeze } = await freezable(db.address);
  const { writer, doubts } = source(address);
  const own = await opened(sessionOf(address, { writer, deadlineMs: 300 }));
  freeze();
  await expect(own.rows('SELECT 1 AS one')).rejects.toMatchObject({ driverCode: 'AFD_DEADLINE' });
  expect(doubts).toEqual([true]);
});

it('a session of several members cannot be made without something that finds the writer', () => {
  const address = { ...db.address, members: [db.address, db.address] };
  const options = { timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 1000, multiStatements: true };
  expect(() => new Session({ address, ...options })).toThrow('Nothing finds the writer');
});

const settings = (more: Partial<LivenessSettings>) =>
  ({
    ...{ deviceId: 'w', tryNext: false, deviceType: 'worker', capabilities: {}, slots: 1, hostName: 'h', pid: 1 },
    ...{ ring: { address: undefined, port: 0, token: undefined }, heartbeatIntervalMs: 1000, version: '1' },
    ...{ heartbeatTimeoutMs: 60_000, lockTrustAfterStartMs: 1000 },
    ...more,
  }) as LivenessSettings;
const online = () => addDevice('w', { columns: { status: 'online', lock_server: 'elsewhere:1', lock_name: 'afd:w' } });
const assume = async (tryNext: boolean, members?: ReturnType<typeof source>) => {
  const own = await db.session(members);
  const { deviceId } = await assumeIdentity(own, names, settings({ tryNext }), () => false);
  await own.close();
  return deviceId;
};

it('a device id with a young lock on another server is not free because its lock is: the next name is taken, or it is waited for', async () => {
  await online();
  expect(await assume(true, source(db.address))).toBe('w-2');
  const begun = performance.now();
  expect(await assume(false, source(db.address))).toBe('w');
  expect(performance.now() - begun).toBeGreaterThan(900);
});

it('a device id with a young lock on another server is free where one server alone is configured, or when it was signed off', async () => {
  await online();
  expect(await assume(true)).toBe('w');
  await session.write(`UPDATE ${names.device} SET status = 'offline', lock_server = 'elsewhere:1'`);
  expect(await assume(true, source(db.address))).toBe('w');
});
