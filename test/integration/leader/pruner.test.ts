// A leader that is given up leaves the change of a table to the server, which ends it while the next leader prunes.
import { expect } from 'vitest';
import { dayPartitions, HEARTBEATS, repartition } from '../../../src/core/db/history/day-partitions.ts';
import { Session } from '../../../src/core/db/session.ts';
import { planPartitions } from '../../../src/core/domain/day-partitions.ts';
import { Pruner } from '../../../src/core/leader/pruner.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertLeader } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';
import { office } from './office.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
});
test.afterEach(() => onlyDays({}));

/** Makes these days, each with its end, and the open end the only partitions of the table. */
async function onlyDays(ends: Record<string, string>): Promise<void> {
  const days = Object.entries(ends).map(([name, end]) => `PARTITION ${name} VALUES LESS THAN ('${end} 00:00:00'), `);
  await session.write(
    `ALTER TABLE ${db.names.heartbeat} PARTITION BY RANGE COLUMNS (heartbeat_time)
     (${days.join('')}PARTITION p_future VALUES LESS THAN (MAXVALUE))`,
  );
}

/** A pruner, and what the server does for a former leader after this one has read the days and before it changes them. */
async function pruner(meanwhile: () => Promise<void> = async () => {}): Promise<Pruner> {
  const { own, duty } = await office(db);
  class Late extends Session {
    override async ready(): ReturnType<Session['ready']> {
      await meanwhile();
      return super.ready();
    }
  }
  return new Pruner({
    ...{ duty, history: HEARTBEATS, historyDays: 1 },
    openSession: () => new Late({ ...own.options }),
    note: () => {},
  });
}

const days = () => dayPartitions(session, db.names, HEARTBEATS);

test.for([
  ['are no failure when it did all of it', Number.POSITIVE_INFINITY, { added: 0, dropped: 0 }],
  ['leave the rest to the round when it did a part', 1, { added: 2, dropped: 1 }],
] as const)('days that a former leader changes while the next one prunes %s', async ([, changed, counts]) => {
  await onlyDays({ p20200101: '2020-01-02', p20200102: '2020-01-03' });
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
  await onlyDays({ p20200101: '2020-01-02', by_hand: '2199-01-01' });
  await expect((await pruner()).runOnce()).rejects.toMatchObject({
    counts: { added: 0, dropped: 1 },
    failures: [expect.objectContaining({ what: 'adding days' })],
  });
  expect((await days()).partitions).toEqual(['by_hand', 'p_future']);
});
