// A fleet on a MySQL group of three: its primary is killed, frozen and moved in the middle of the work. The members are real; so are
// the nodes. A group replaces a dead primary after about 21 s with its defaults, so each of these takes a minute.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, cluster, onCluster } from '../../helpers/cluster.ts';
import { goesOn, OUTAGE_MS, working } from '../../helpers/failover.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

let group: Cluster;

describe('a group whose primary', { timeout: MINUTES, ...onCluster('group') }, () => {
  beforeAll(async () => {
    group = await cluster('group');
  }, MINUTES);
  afterEach(() => group.mend(), MINUTES);
  afterAll(() => group?.stop(), MINUTES);

  it('is killed: the fleet goes on with the new one; nobody dies, nothing that was acknowledged is lost', async (test) => {
    const fleet = await working(test, await group.schema('afd_killed'));
    const { nodes, seen } = fleet;
    const former = await group.signal('SIGKILL');
    await Promise.all(nodes.map((one, n) => one.event('database:lost', () => true, OUTAGE_MS, seen[n])));
    await group.replaced(former);
    await goesOn(fleet, 'kill');
  });

  it('is frozen, replaced and wakes up: nobody goes back to it, and nobody dies', async (test) => {
    const fleet = await working(test, await group.schema('afd_frozen'));
    const { nodes, seen } = fleet;
    const former = await group.signal('SIGSTOP');
    await group.replaced(former);
    await Promise.all(nodes.map((one, n) => one.event('database:back', () => true, OUTAGE_MS, seen[n])));
    // Now it claims for 3 s that it is the primary, and accepts connections.
    const woken = nodes.map((one) => one.lines.length);
    await group.signalMember(former, 'SIGCONT');
    await goesOn(fleet, 'freeze');
    const late = nodes.flatMap((one, n) => one.lines.slice(woken[n]));
    expect(late.filter((line) => line.event === 'database:lost')).toEqual([]);
  });

  it('is moved to another member: the fleet follows within seconds', async (test) => {
    const fleet = await working(test, await group.schema('afd_moved'));
    const former = await until(() => group.primary());
    await group.tell('switchover');
    await group.replaced(former);
    await goesOn(fleet, 'switchover');
  });
});
