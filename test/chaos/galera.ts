// What a Galera cluster needs of who looks after it: the node at which the fleet writes, and the one to start from.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Cluster } from '../helpers/cluster.ts';
import { until } from '../helpers/wait.ts';

const NODES = [1, 2, 3];
/** One that does not answer for so long is no writer. */
const FROZEN_MS = 3000;
/** A ready node of the Primary component says how many sessions the fleet has there; another one says nothing. */
const SESSIONS = `SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'afd' AND DB IS NOT NULL
  HAVING (SELECT GROUP_CONCAT(VARIABLE_VALUE ORDER BY VARIABLE_NAME) FROM information_schema.GLOBAL_STATUS
    WHERE VARIABLE_NAME IN ('wsrep_cluster_status', 'wsrep_ready')) = 'Primary,ON'`;

/** The same cluster, whose writer is the node at which the fleet writes: its script names the first that is ready. */
export function withFleetsWriter(one: Cluster): Cluster {
  const sessions = (n: number) => {
    const asked = one.tell('sql', String(n), '-e', SESSIONS).catch(() => '');
    const answered = asked.then((answer) => (answer === '' ? undefined : Number(answer)));
    return Promise.race([answered, pause(FROZEN_MS, undefined, { ref: false })]);
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

const REJOIN_MS = 15_000;
/** One that waits for the others does not hear SIGTERM. */
const LEAVE_MS = 20_000;
const LIBRARY = '/usr/lib/galera/libgalera_smm.so';
const run = promisify(execFile);

/**
 * A cluster of which no node is left starts from the node that has most. One that was killed does not know what it has until
 * it is asked; started from another, the cluster passes its position, and it joins with rows that no other has, and leaves
 * as inconsistent. So this writes into the state of each node what it has; the script takes the one with most.
 */
export async function recoverPositions(one: Cluster): Promise<void> {
  if ((await isPrimary(one)) !== undefined) return;
  for (const n of NODES) await end(one, n);
  const files = /^MYSQL_PIDFILES=(\S+)/m.exec(await one.tell('env'))?.[1];
  if (files === undefined) throw new Error('The script does not say where the nodes are.');
  for (const n of NODES) await recover(join(dirname(files), String(n)));
}

/** Nodes that were frozen or cut off need some seconds to find each other again. */
async function isPrimary(one: Cluster): Promise<number | undefined> {
  const left = await Promise.all(NODES.map((n) => pidOf(one, n)));
  if (left.every((pid) => pid === undefined)) return undefined;
  return until(one.primary, REJOIN_MS).catch(() => undefined);
}

function pidOf(one: Cluster, n: number): Promise<number | undefined> {
  return one.tell('pid', String(n)).then(Number, () => undefined);
}

async function end(one: Cluster, n: number): Promise<void> {
  const pid = () => pidOf(one, n);
  if ((await pid()) === undefined) return;
  const gone = async () => (await pid()) === undefined;
  for (const signal of ['SIGCONT', 'SIGTERM'] as const) await one.signalMember(n, signal).catch(() => {});
  await until(gone, LEAVE_MS).catch(() => one.signalMember(n, 'SIGKILL'));
  await until(gone, LEAVE_MS, `the end of node ${n}`);
}

async function recover(folder: string): Promise<void> {
  const state = join(folder, 'grastate.dat');
  const text = await readFile(state, 'utf8').catch(() => undefined);
  // It has never been a member, or it left in order.
  if (text === undefined || !/^seqno:\s*-1$/m.test(text)) return;
  const wsrep = ['--wsrep-on=ON', `--wsrep-provider=${LIBRARY}`, '--wsrep-recover'];
  const { stderr, stdout } = await run('mariadbd', ['--no-defaults', '--user=mysql', `--datadir=${folder}`, ...wsrep]);
  const found = /Recovered position: ([0-9a-f-]{36}):(-?\d+)/.exec(stderr + stdout);
  if (found === null) throw new Error(`${folder} does not say what it has:\n${stderr.slice(-2000)}`);
  const [, uuid, seqno] = found;
  await writeFile(state, text.replace(/^uuid:.*$/m, `uuid:    ${uuid}`).replace(/^seqno:.*$/m, `seqno:   ${seqno}`));
}
