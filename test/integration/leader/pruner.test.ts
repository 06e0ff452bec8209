// A leader that is given up leaves the change of a table to the server, which ends it while the next leader prunes.
import { expect } from 'vitest';
import { dayPartitions, HEARTBEATS, repartition } from '../../../src/core/db/history/day-partitions.ts';
import { Session } from '../../../src/core/db/session.ts';
import { planPartitions } from '../../../src/core/domain/day-partitions.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Pruner } from '../../../src/core/leader/pruner.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertLeader } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

const OLD = ['p20200101', 'p20200102'];
/** Days that a leader prepares, with today. */
const DAYS = 3;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
  await onlyDays(OLD);
});
test.afterEach(() => onlyDays([]));

/** Makes these days, which are in the past, and the open end the only partitions of the table. */
async function onlyDays(names: string[]): Promise<void> {
  const days = names.map((name, n) => `PARTITION ${name} VALUES LESS THAN ('2020-01-0${n + 2} 00:00:00'), `);
  await session.write(
    `ALTER TABLE ${db.names.heartbeat} PARTITION BY RANGE COLUMNS (heartbeat_time)
     (${days.join('')}PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
  );
}

/** A pruner, and what the server does for a former leader after this one has read the days and before it changes them. */
async function pruner(meanwhile: () => Promise<void> = async () => {}): Promise<Pruner> {
  const own = await db.session({ deadlineMs: 10_000 });
  class Late extends Session {
    override async ready(): ReturnType<Session['ready']> {
      await meanwhile();
      return super.ready();
    }
  }
  return new Pruner({
    duty: new DutySession(own, db.names, { holder: 'leader', term: 1 }),
    openSession: () => new Late({ ...own.options }),
    history: HEARTBEATS,
    historyDays: 1,
    note: () => {},
  });
}

const days = () => dayPartitions(session, db.names, HEARTBEATS);

test.for([
  ['are no failure when it did all of it', Number.POSITIVE_INFINITY, { added: 0, dropped: 0 }],
  ['leave the rest to the round when it did a part', 1, { added: DAYS - 1, dropped: OLD.length - 1 }],
] as const)('days that a former leader changes while the next one prunes %s', async ([, changed, counts]) => {
  const { partitions, today } = await days();
  const plan = planPartitions(partitions, today, 1);
  const one = await pruner(async () => {
    await repartition(session, db.names, HEARTBEATS, { add: plan.add.slice(0, changed), drop: [] });
    await repartition(session, db.names, HEARTBEATS, { add: [], drop: plan.drop.slice(0, changed) });
  });
  expect(await one.runOnce()).toEqual(counts);
  expect((await days()).partitions).toEqual([...plan.add.map((day) => day.name), 'p_future']);
});

test('finding F11: old days are dropped where no new one can be added', async () => {
  await session.write(
    `ALTER TABLE ${db.names.heartbeat} PARTITION BY RANGE COLUMNS (heartbeat_time) (
       PARTITION p20200101 VALUES LESS THAN ('2020-01-02 00:00:00'),
       PARTITION by_hand VALUES LESS THAN ('2199-01-01 00:00:00'), PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
  );
  await expect((await pruner()).runOnce()).rejects.toMatchObject({
    counts: { added: 0, dropped: 1 },
    failures: [expect.objectContaining({ what: 'adding days' })],
  });
  expect((await days()).partitions).toEqual(['by_hand', 'p_future']);
});
