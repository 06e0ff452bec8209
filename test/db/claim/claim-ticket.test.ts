import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { returnTicket } from '../../../src/core/db/claim/claim-ticket.ts';
import { RETURN_TICKET, TICKETS, takeTicket } from '../../../src/core/db/claim/statements.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { laneKey } from '../../../src/core/domain/lane.ts';
import { claims } from '../../helpers/claims.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { addDevice, addTask } from '../../helpers/rows-here.ts';

useDatabase();
const PAIR = { lane: laneKey('t', null), claim_rank: 5 };
const take = (on: Session, pair = PAIR) => on.batch([RETURN_TICKET, takeTicket(names, pair, 0)]);
const held = async (on: Session) => (await on.rows('SELECT @afd_ticket AS name'))[0]?.name as string | null;
const takers = async () => {
  const all = await Promise.all(Array.from({ length: TICKETS }, () => db.session()));
  for (const one of all) await take(one);
  return all;
};

it('each that claims at one time has a ticket of its own; one more waits until one is returned', async () => {
  const all = await takers();
  const tickets = await Promise.all(all.map(held));
  expect(new Set(tickets).size).toBe(TICKETS);
  expect(tickets).not.toContain(null);
  await take(session, { ...PAIR, claim_rank: 4 });
  expect(tickets).not.toContain(await held(session));
  const waiting = take(session);
  await all[0]!.batch([RETURN_TICKET]);
  await waiting;
  expect(await held(session)).toBe(tickets[0]);
});

it('one that waited for a second for nothing goes on without, and has nothing to return', async () => {
  await takers();
  await take(session);
  expect(await held(session)).toBeNull();
  await returnTicket(session);
});

/** Whether each ticket of the pair is free: another session can have all of them. */
const allFree = async () => !(await Promise.all((await takers()).map(held))).includes(null);

it('a claim gives its ticket back, whether it brought something or not', async () => {
  const device = await addDevice('d1', { columns: { instance_token: randomBytes(16) } });
  const id = await addTask({ task_type: 't' });
  const from = { kind: 'lane', ...PAIR, cursor: undefined } as const;
  for (const expected of [[id], []]) {
    const { claimed } = await claims(session, names, device).turn([], { from, ticket: true });
    expect(claimed.map((one) => one.id)).toEqual(expected);
    expect(await held(session)).not.toBeNull();
  }
  expect(await allFree()).toBe(true);
});

it('what a claim kept that failed is returned with the next ticket, and by returnTicket', async () => {
  await take(session);
  await take(session);
  await returnTicket(session);
  expect(await allFree()).toBe(true);
});
