// A primary with a replica, and Galera: real MariaDB servers.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeMember, inSchema } from '../../src/core/db/address.ts';
import { WriterFinder } from '../../src/core/writer/writer-finder.ts';
import { type Cluster, cluster, onCluster } from '../helpers/cluster.ts';
import { goesOn, MASTER, working } from '../helpers/failover.ts';
import { MINUTES } from '../helpers/fleet-process.ts';
import { scene } from '../helpers/scene.ts';
import { until } from '../helpers/wait.ts';

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
    const s = await scene(test, await pair.schema('afd'), { master: MASTER });
    const { nodes, producer } = await working(s);
    const seen = nodes.map((one) => one.lines.length);
    const former = await pair.signal('SIGKILL');
    expect(await found(pair)).toContain('is read-only');
    await pair.tell('promote', String(3 - former));
    expect(await found(pair)).toBe(3 - former);
    await goesOn(s, nodes, seen, producer, 'promotion');
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
    const s = await scene(test, await galera.schema('afd'), { master: MASTER });
    const { nodes, producer } = await working(s);
    const seen = nodes.map((one) => one.lines.length);
    await galera.signalMember(1, 'SIGKILL');
    finder.doubt(await finder.find(), false);
    await until(async () => (await found(galera, finder)) === 2, 60_000, 'the second node');
    await goesOn(s, nodes, seen, producer, 'Galera, kill');
    await galera.mend();
    finder.doubt(await finder.find(), false);
    expect(await found(galera, finder)).toBe(2);
    // A process that starts now goes where the others are.
    expect(await found(galera)).toBe(2);
  });
});
