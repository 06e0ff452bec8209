// A Galera cluster of which no node is left starts from the node that has most. A node that was killed does not know what it has until it
// is asked (`--wsrep-recover`); started from another, the cluster passes the position of that node, which then joins with rows that no
// other has, and leaves as inconsistent.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../helpers/cluster.ts';
import { until } from '../helpers/wait.ts';

const REJOIN_MS = 15_000;
/** One that waits for the others does not hear SIGTERM. */
const LEAVE_MS = 20_000;
const NODES = [1, 2, 3];
const LIBRARY = '/usr/lib/galera/libgalera_smm.so';
const run = promisify(execFile);

/** Writes into the state of each node what it has, where the whole cluster has to be started. Its script takes the one with most. */
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
