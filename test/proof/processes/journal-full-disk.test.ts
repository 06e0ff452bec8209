// The disk under the journal of a remote worker is full: results stay in memory until they are delivered or can be written.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';

const LONG = { heartbeat_timeout: 60 };
const SLOTS = 3;

it('a remote worker whose disk is full keeps its results in memory, says so, and delivers each once', async ({
  db,
  session,
  rows,
  skip,
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'afd-small-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    skip(true, `a small file system cannot be mounted here: ${(error as Error).message}`);
  }
  onTestFinished(async () => {
    await stopWorkers();
    closeProxies();
    await stopGateways();
    execFileSync('umount', ['-l', folder]);
  });
  const ballast = join(folder, 'ballast');
  const fill = () => expect(() => writeFileSync(ballast, Buffer.alloc(128 * 1024))).toThrow('ENOSPC');
  /** Results in the journal. */
  const kept = () =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.journal'))
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').match(/"kind":"end"/g) ?? []).length;

  const gateway = await startGateway(db, { master: LONG });
  const proxy = await tcpProxy(gateway.url);
  const calls = new Map<number, (result: unknown) => void>();
  const worker = startWorker(db, {
    ...{ gateways: [proxy.url], master: LONG },
    handlers: { t: ({ task_id }) => new Promise((end) => calls.set(task_id, end)) },
    worker: { max_concurrent_tasks: SLOTS, prefetch: 3, journal: folder },
  });
  const said = (name: string) =>
    worker.seen
      .filter((one) => one.name === name)
      .map((one) => (one.data as { message: string }).message)
      .filter((message) => message.includes('the journal '));
  const ends = (ids: number[]) =>
    session.rows(`SELECT status, result FROM ${db.names.assignment} WHERE task_id IN (?) ORDER BY task_id`, [ids]);
  /** So many tasks run when the connection is cut; they end meanwhile. */
  async function outage(): Promise<number[]> {
    const ids: number[] = [];
    for (let n = 0; n < SLOTS; n += 1) ids.push(await rows.task({ task_type: 't' }));
    for (const id of ids) await until(() => calls.has(id));
    await until(async () => (await ends(ids)).filter(({ status }) => status === 'running').length === SLOTS);
    const gone = once(worker.events, 'database:lost');
    proxy.cut();
    await gone;
    for (const id of ids) calls.get(id)!({ of: id });
    return ids;
  }
  async function delivered(ids: number[]): Promise<void> {
    proxy.restore();
    await until(async () => (await ends(ids)).every(({ status }) => status === 'completed'));
    expect((await ends(ids)).map(({ result }) => JSON.parse(result))).toEqual(ids.map((of) => ({ of })));
  }

  fill();
  const first = await outage();
  await until(() => said('warning').length > 0);
  expect(said('warning')).toEqual([expect.stringMatching(/in its memory only: (ENOSPC|only \d+ of)/)]);
  await delivered(first);
  // Results of what it took ahead could not be kept in the next outage.
  await session.write('START TRANSACTION');
  const more: number[] = [];
  for (let n = 0; n < 9; n += 1) more.push(await rows.task({ task_type: 't' }));
  await session.write('COMMIT');
  for (const id of more.slice(0, SLOTS)) await until(() => calls.has(id));
  const held = `SELECT id FROM ${db.names.assignment} WHERE status IN ('assigned', 'running')`;
  expect(await session.rows(held)).toHaveLength(SLOTS);
  for (const id of more) (await until(() => calls.get(id)))({ of: id });

  const second = await outage();
  rmSync(ballast);
  await until(() => kept() === SLOTS, undefined, 'the results in the journal');
  expect(said('note')).toEqual([expect.stringMatching(/can be written again$/)]);
  await delivered(second);
  await until(() => kept() === 0);
  expect(worker.seen.filter((one) => one.name === 'task:lost')).toEqual([]);
});
