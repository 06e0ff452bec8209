// The disk under the journal of a remote worker is full: results stay in memory until they are delivered or can be written.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, type TestContext } from 'vitest';
import type { HandlerFunction } from '../../../src/core/handlers/module-loader.ts';
import type { AfdEvents } from '../../../src/core/runtime/events.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { startWorker, stopWorkers } from '../../helpers/node.ts';
import { closeProxies, tcpProxy } from '../../helpers/tcp-proxy.ts';
import { once, until } from '../../helpers/wait.ts';

const LONG = { heartbeat_timeout: 60 };
const mounts: string[] = [];

afterEach(async () => {
  await stopWorkers();
  closeProxies();
  await stopGateways();
  for (const one of mounts.splice(0)) {
    execFileSync('umount', ['-l', one]);
    rmSync(one, { recursive: true, force: true });
  }
});

/** A file system of 64 KiB. */
function smallDisk(skip: TestContext['skip']) {
  const folder = mkdtempSync(join(tmpdir(), 'afd-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    skip(true, `a small file system cannot be mounted here: ${(error as Error).message}`);
  }
  mounts.push(folder);
  const ballast = join(folder, 'ballast');
  const names = () => readdirSync(folder).filter((one) => one.endsWith('.journal'));
  return {
    folder,
    fill: () => expect(() => writeFileSync(ballast, Buffer.alloc(128 * 1024))).toThrow('ENOSPC'),
    free: () => rmSync(ballast),
    ends: () => names().flatMap((one) => readFileSync(join(folder, one), 'utf8').match(/"kind":"end"/g) ?? []).length,
  };
}

async function outage(db: TestDatabase, folder: string, slots: number) {
  const gateway = await startGateway(db, { master: LONG });
  const proxy = await tcpProxy(gateway.url);
  const runs: number[] = [];
  const calls = new Map<number, (result: unknown) => void>();
  const t: HandlerFunction = ({ task_id }) =>
    new Promise((end) => {
      runs.push(task_id);
      calls.set(task_id, end);
    });
  const session = await db.session();
  const add = () => insertTask(session, db.names, { task_type: 't' });
  const ids: number[] = [];
  for (let n = 0; n < slots; n += 1) ids.push(await add());
  const worker = startWorker(db, {
    ...{ gateways: [proxy.url], handlers: { t }, master: LONG },
    worker: { max_concurrent_tasks: slots, prefetch: 3, journal: folder },
  });
  for (const id of ids) await until(() => calls.has(id));
  const attempts = (id: number) => session.rows(`SELECT * FROM ${db.names.assignment} WHERE task_id = ?`, [id]);
  for (const id of ids) await until(async () => (await attempts(id))[0]?.status === 'running');
  const gone = once(worker.events, 'database:lost');
  proxy.cut();
  await gone;
  const said = (name: 'warning' | 'note') =>
    worker.seen
      .filter((one) => one.name === name)
      .map((one) => (one.data as AfdEvents['warning']).message)
      .filter((one) => one.includes('the journal '));
  return {
    ...{ proxy, worker, ids, runs, add, said, session, attempts },
    call: (id: number) => until(() => calls.get(id)),
    async delivered() {
      for (const id of ids) {
        await until(async () => (await attempts(id))[0]?.status === 'completed', undefined, `the result of task ${id}`);
        const ends = (await attempts(id)).map((one) => [one.status, JSON.parse(one.result)]);
        expect(ends).toEqual([['completed', { of: id }]]);
      }
      expect(runs.slice(0, ids.length).sort()).toEqual([...ids].sort());
      expect(worker.seen.filter((one) => one.name === 'task:lost')).toEqual([]);
    },
  };
}

describe('a remote worker whose disk is full', () => {
  it('keeps its results in memory, says so once, delivers each once, and takes nothing ahead', async ({
    given,
    skip,
  }) => {
    const { db } = given;
    const disk = smallDisk(skip);
    disk.fill();
    const { proxy, ids, call, said, delivered, add, session } = await outage(db, disk.folder, 3);
    for (const id of ids) (await call(id))({ of: id });
    await until(() => said('warning').length > 0);
    proxy.restore();
    await delivered();
    expect(said('warning')).toEqual([expect.stringMatching(/in its memory only: (ENOSPC|only \d+ of)/)]);
    // Results of what it took ahead could not be kept in the next outage.
    const more: number[] = [];
    await session.write('START TRANSACTION');
    for (let n = 0; n < 9; n += 1) more.push(await add());
    await session.write('COMMIT');
    for (const id of more.slice(0, 3)) await call(id);
    const held = await session.rows(`SELECT id FROM ${db.names.assignment} WHERE status IN ('assigned', 'running')`);
    expect(held).toHaveLength(3);
  });

  it('writes them to its journal when there is room again, and says so', async ({ given, skip }) => {
    const disk = smallDisk(skip);
    disk.fill();
    const { proxy, ids, call, said, delivered } = await outage(given.db, disk.folder, 2);
    for (const id of ids) (await call(id))({ of: id });
    await until(() => said('warning').length > 0);
    disk.free();
    await until(() => disk.ends() === ids.length, undefined, 'the results in the journal');
    expect(said('note')).toEqual([expect.stringMatching(/can be written again$/)]);
    proxy.restore();
    await delivered();
    await until(() => disk.ends() === 0);
    expect(said('warning')).toHaveLength(1);
  });
});
