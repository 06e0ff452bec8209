// A primary with a replica, and Galera: real MariaDB servers.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeMember, inSchema } from '../../../src/core/db/address.ts';
import type { LaneHead } from '../../../src/core/db/lanes/discover-lanes.ts';
import { publishLanes } from '../../../src/core/db/lanes/publish-lanes.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { insertTasks } from '../../../src/core/db/tasks/insert-tasks.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { WriterFinder } from '../../../src/core/writer/writer-finder.ts';
import { type Cluster, cluster, onCluster } from '../../helpers/cluster.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { goesOn, working } from '../../helpers/failover.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

/** What a process that starts now finds: the place of the member in the list, from 1, or why there is no writer. */
async function found(one: Cluster, finder = new WriterFinder(inSchema(one.address, 'afd'))): Promise<number | string> {
  return finder.find().then(
    ({ address }) => 1 + one.address.members!.findIndex((member) => describeMember(member) === describeMember(address)),
    (error: Error) => error.message,
  );
}

describe('a primary with a replica', { timeout: MINUTES, ...onCluster('pair') }, () => {
  let pair: Cluster;
  beforeAll(async () => {
    pair = await cluster('pair');
  }, MINUTES);
  afterEach(() => pair.mend(), MINUTES);
  afterAll(() => pair?.stop(), MINUTES);

  it('is killed: there is no writer until the replica is promoted, and the fleet goes on with it', async (test) => {
    const fleet = await working(test, await pair.schema('afd'));
    const former = await pair.signal('SIGKILL');
    expect(await found(pair)).toContain('is read-only');
    await pair.tell('promote', String(3 - former));
    expect(await found(pair)).toBe(3 - former);
    await goesOn(fleet, 'promotion');
  });

  it('is no writer while both members accept writes', async () => {
    const writer = await until(() => pair.primary());
    const other = String(3 - writer);
    await pair.tell('sql', other, '-e', 'SET GLOBAL read_only = 0');
    expect(await found(pair)).toContain('both accept writes');
    await pair.tell('sql', other, '-e', 'SET GLOBAL read_only = 1');
    expect(await found(pair)).toBe(writer);
  });
});

describe('a Galera cluster', { timeout: MINUTES, ...onCluster('galera') }, () => {
  let galera: Cluster;
  beforeAll(async () => {
    galera = await cluster('galera');
  }, MINUTES);
  afterEach(() => galera.mend(), MINUTES);
  afterAll(() => galera?.stop(), MINUTES);

  it('loses its writer: the fleet goes on with the next node, and stays there when the first is back', async (test) => {
    const finder = new WriterFinder(inSchema(galera.address, 'afd'));
    expect(await found(galera, finder)).toBe(1);
    const fleet = await working(test, await galera.schema('afd'));
    await galera.signalMember(1, 'SIGKILL');
    finder.doubt(await finder.find(), false);
    await until(async () => (await found(galera, finder)) === 2, 60_000, 'the second node');
    await goesOn(fleet, 'Galera, kill');
    await galera.mend();
    finder.doubt(await finder.find(), false);
    expect(await found(galera, finder)).toBe(2);
    // A process that starts now goes where the others are.
    expect(await found(galera)).toBe(2);
  });

  /** What a node sends of a statement that was refused: more than 8 KB, or what a trigger wrote. */
  describe('without a binary log', () => {
    let db: TestDatabase;
    beforeEach(async () => {
      await galera.mend();
      db = await galera.schema('afd');
      const primary = String(await until(() => galera.primary()));
      for (const sql of [
        'CREATE TABLE seen (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(191))',
        `CREATE TRIGGER after_task AFTER INSERT ON ${db.names.task} FOR EACH ROW INSERT INTO seen SET name = NEW.dedupe_key`,
      ])
        await galera.tell('sql', primary, 'afd', '-e', sql);
    });
    afterEach(() => db.close());

    /** These rows of each node, when all of them have `last`. */
    async function onAllNodes(query: string, last: string): Promise<string[][]> {
      const rows = async (n: number) => (await galera.tell('sql', String(n), 'afd', '-e', query)).split('\n');
      return until(async () => {
        const all = await Promise.all([1, 2, 3].map(rows));
        return all.every((one) => one.includes(last)) && all;
      });
    }

    it('has the same tasks on all nodes after a key that another session wrote first', async () => {
      const { names } = db;
      const [mine, other, watcher] = await Promise.all([db.session(), db.session(), db.session()]);
      const task = (dedupe_key: string) => ({ task_type: 'a', dedupe_key, task_data: { text: 'x'.repeat(9000) } });
      const add = (session: Session, ...keys: string[]) =>
        transaction(session, () => insertTasks(session, names, keys.map(task), { maxRetryCount: 3 }));
      await other.write('START TRANSACTION');
      await insertTasks(other, names, [task('m')], { maxRetryCount: 3 });
      const waiting = add(mine, 'a', 'b', 'm', 'z');
      await until(async () =>
        (await watcher.rows('SHOW PROCESSLIST')).some((row) => String(row.Info).startsWith('INSERT INTO')),
      );
      await other.write('COMMIT');
      expect((await waiting).map((one) => one.created)).toEqual([true, true, false, true]);
      await add(mine, 'end');
      const query = `SELECT dedupe_key FROM ${names.task} UNION ALL SELECT name FROM seen ORDER BY 1`;
      const keys = ['a', 'b', 'end', 'm', 'z'];
      for (const one of await onAllNodes(query, 'end')) expect(one).toEqual(keys.flatMap((key) => [key, key]));
    });

    it('has the same lanes on all nodes after one that the table refuses', async () => {
      const { names } = db;
      const session = await db.session();
      const lane = (n: number, task_type = 'a'): LaneHead => ({
        ...{ lane: Buffer.alloc(16, String(n).padStart(3, '0')), claim_rank: 1, task_type },
        ...{ required_capabilities: null, due_at: '2026-01-01 00:00:00.000', id: n },
      });
      const heads = [...Array.from({ length: 200 }, (_, n) => lane(n + 1)), lane(201, 'x'.repeat(300)), lane(202)];
      const publish = () => publishLanes(session, names, heads);
      expect((await transaction(session, publish)).refused.map((one) => one.head.id)).toEqual([201]);
      const all = await onAllNodes(`SELECT head_id FROM ${names.lane} ORDER BY 1`, '202');
      for (const one of all) expect(one).toHaveLength(201);
    });
  });
});
