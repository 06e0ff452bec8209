// The node of a Galera cluster at which the fleet writes: its script names the first that is ready, and which one is the writer is what
// afd decides.
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from '../helpers/cluster.ts';

const NODES = [1, 2, 3];
/** One that does not answer for so long is no writer. */
const FROZEN_MS = 3000;
/** A ready node of the Primary component says how many sessions the fleet has there; another one says nothing. */
const SESSIONS = `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'afd' AND DB IS NOT NULL
  HAVING (SELECT GROUP_CONCAT(VARIABLE_VALUE ORDER BY VARIABLE_NAME) FROM information_schema.GLOBAL_STATUS
    WHERE VARIABLE_NAME IN ('wsrep_cluster_status', 'wsrep_ready')) = 'Primary,ON'`;

/** The same cluster, whose writer is that node. */
export function withFleetsWriter(one: Cluster): Cluster {
  const sessions = (n: number) => {
    const asked = one.tell('sql', String(n), '-e', SESSIONS).then(
      (answer) => (answer === '' ? undefined : Number(answer)),
      () => undefined,
    );
    return Promise.race([asked, pause(FROZEN_MS, undefined, { ref: false })]);
  };
  async function primary(): Promise<number | undefined> {
    const counts = await Promise.all(NODES.map(async (n) => ({ n, count: await sessions(n) })));
    const ready = counts.filter(({ count }) => count !== undefined);
    return ready.sort((a, b) => b.count! - a.count!)[0]?.n;
  }
  return {
    ...one,
    primary,
    async signal(signal) {
      const n = await primary();
      if (n === undefined) throw new Error('No node of the cluster is ready.');
      await one.signalMember(n, signal);
      return n;
    },
  };
}
