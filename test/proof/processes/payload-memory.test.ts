// What a worker process holds while it runs tasks with long payloads, read from the system: the peak of its resident memory.
//   AFD_TEST_LONG_TASKS=400 npx vitest run test/proof/processes/payload-memory.test.ts     needs 2 GB for the server
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { fleet } from '../../helpers/fleet.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
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

/** Adds so many tasks with a text of this length. */
const add = ({ names }: TestDatabase, session: Session, tasks: number, length: number) =>
  session.write(`INSERT INTO ${names.task} (task_type, status, task_data)
    WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < ${tasks})
    SELECT 'measure', 'pending', CONCAT('{"text": "', REPEAT('x', ${length}), '"}') FROM some`);
const done = ({ names }: TestDatabase, session: Session) =>
  until(
    async () => (await session.rows(`SELECT id FROM ${names.task} WHERE status <> 'done' LIMIT 1`)).length === 0,
    MINUTES,
    'all of them done',
  );

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
      // Short by the time the long ones come: prefetched as far as the worker allows.
      await add(db, session, 40, 5);
      await done(db, session);
      const base = peakOf(worker.pid);
      const payload = 4 * MIB;
      await add(db, session, TASKS, payload);
      await done(db, session);
      const peak = peakOf(worker.pid);
      const message = `${(base / MIB).toFixed(0)} MiB before, ${(peak / MIB).toFixed(0)} MiB at most`;
      expect((peak - base) / MIB, message).toBeLessThan((SLOTS * COPIES * payload + CONSTANT) / MIB);
      await session.write(`DELETE FROM ${db.names.task}`);
    },
  );
});
