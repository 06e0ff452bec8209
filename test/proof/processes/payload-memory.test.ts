// What a worker process holds while it runs tasks with long payloads, read from the system: the peak of its resident memory.
//   AFD_TEST_LONG_TASKS=400 npx vitest run test/proof/processes/payload-memory.test.ts     needs 2 GB for the server
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testDatabase } from '../../helpers/database.ts';
import { insertTask } from '../../helpers/factories.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES, PATIENCE_MS } from '../../helpers/fleet-process.ts';
import { meteredProxy } from '../../helpers/metered-proxy.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

const TASKS = Number(process.env.AFD_TEST_LONG_TASKS ?? 60);
const SLOTS = 5;
const MIB = 1024 * 1024;
/** Each payload exists as packet, text and object for a while, and what was dropped waits for the next collection. */
const COPIES = 4;
const CONSTANT = 100 * MIB;

const MEASURE = `export default async ({ task_data }) => ({ length: task_data.text.length });\n`;
const handlers = { measure: { module: './measure.mjs', isolation: 'none' } };
const files = { 'measure.mjs': MEASURE };

/** Bytes of resident memory, at their highest so far. */
function peakOf(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status says nothing of VmHWM`);
  return Number(kilobytes) * 1024;
}

const measurable = existsSync('/proc/self/status') && readFileSync('/proc/self/status', 'utf8').includes('VmHWM');

describe('a worker with long payloads', { timeout: 3 * MINUTES }, () => {
  it(
    `finding F12: holds a few payloads of 4 MB for each slot, of ${TASKS} tasks`,
    skipBecause(measurable ? undefined : '/proc does not tell how much memory a process has'),
    async (test) => {
      const db = await testDatabase('memory');
      const session = await db.session({ deadlineMs: MINUTES });
      test.onTestFinished(() => db.close());
      test.skip(session.facts.maxAllowedPacket < 8 * MIB, 'the server takes no row of that size');
      const made = await fleet(test, db, { handlers, files });
      const worker = made.start('worker', { deviceId: 'w1', args: ['--slots', String(SLOTS)] });
      await worker.event('worker:started');
      const { names } = db;
      // Short by the time the long ones come: prefetched as far as the worker allows.
      for (let n = 0; n < 40; n += 1)
        await insertTask(session, names, { task_type: 'measure', task_data: '{"text": "short"}' });
      const left = async () =>
        Number((await session.rows(`SELECT COUNT(*) AS n FROM ${names.task} WHERE status <> 'done'`))[0]?.n);
      await until(async () => (await left()) === 0, PATIENCE_MS, 'the short tasks done');
      const base = peakOf(worker.pid);
      const payload = 4 * MIB;
      await session.write(`INSERT INTO ${names.task} (task_type, status, task_data)
        WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < ${TASKS})
        SELECT 'measure', 'pending', CONCAT('{"text": "', REPEAT('x', ${payload}), '"}') FROM some`);
      await until(async () => (await left()) === 0, MINUTES, 'the long tasks done');
      const peak = peakOf(worker.pid);
      const message = `${(base / MIB).toFixed(0)} MiB before, ${(peak / MIB).toFixed(0)} MiB at most`;
      expect((peak - base) / MIB, message).toBeLessThan((SLOTS * COPIES * payload + CONSTANT) / MIB);
      await session.write(`DELETE FROM ${names.task}`);
    },
  );

  it('finding F12: on a link of 2 MB a second, 50 slots do 60 tasks of 400 kB, and no more than one trouble is logged', async (test) => {
    const db = await testDatabase('link');
    const session = await db.session();
    const link = await meteredProxy(db);
    link.limit(2_000_000);
    test.onTestFinished(async () => {
      link.close();
      await db.close();
    });
    const text = JSON.stringify({ text: 'x'.repeat(400_000) });
    for (let n = 0; n < 60; n += 1) await insertTask(session, db.names, { task_type: 'measure', task_data: text });
    const made = await fleet(test, link.db, { handlers, files });
    made.start('worker', { deviceId: 'w1', args: ['--slots', '50'] });
    const ends = async () =>
      session.rows(`SELECT status, COUNT(*) AS n, SUM(attempt) AS attempts FROM ${db.names.task} GROUP BY status`);
    await until(async () => (await ends()).every((one) => one.status === 'done'), MINUTES, 'all of them done');
    expect((await ends()).map((one) => [one.status, Number(one.n), Number(one.attempts)])).toEqual([['done', 60, 60]]);
    const troubles = made.complaints('warn').filter((line) => /transactions|did not answer/i.test(line));
    expect(troubles.length, troubles.join('\n')).toBeLessThanOrEqual(2);
  });
});
