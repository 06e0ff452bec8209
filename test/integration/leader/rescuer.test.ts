// What changes between seeing an attempt in a list and locking it: the read under locks decides.
import { expect } from 'vitest';
import { configSchema } from '../../../src/core/config/config-schema.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { Failures } from '../../../src/core/leader/duty/failures.ts';
import { noRescues } from '../../../src/core/leader/rescue/rescue-counts.ts';
import { Rescuer } from '../../../src/core/leader/rescue/rescuer.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, readAttempt, readTask } from '../../helpers/factories.ts';
import { test } from '../../helpers/fixture.ts';

let db: TestDatabase;
let session: Session;

test.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  await insertLeader(session, db.names, 'leader', 1);
});

/** `between` happens after the list was read and before each transaction. */
async function rescuer(between: () => Promise<unknown>, limit = 500) {
  class Interrupted extends DutySession {
    override async fenced<T>(work: (session: Session) => Promise<T>): Promise<T> {
      await between();
      return super.fenced(work);
    }
  }
  const duty = new Interrupted(await db.session(), db.names, { holder: 'leader', term: 1 });
  const one = new Rescuer({ duty, policy: configSchema.parse({}).master, revokeTimeoutS: 20, limit });
  /** What fails is thrown. */
  const round = async (kind: 'orphaned' | 'overdue', anew?: boolean) => {
    const failures = new Failures(duty);
    return failures.end(await one[kind](failures, anew));
  };
  const declareDead = (deviceId: string) => {
    one.declaringDead(deviceId);
    one.declaredDead(deviceId);
  };
  /** What is told of a death. */
  const told = async (deviceId: string) => {
    await round('orphaned', true);
    return one.takenFrom(deviceId);
  };
  return { orphaned: () => round('orphaned'), overdue: () => round('overdue'), declareDead, told };
}

test.for([
  {
    what: 'a device that is online again keeps what has not been taken yet',
    round: 'orphaned' as const,
    between: () => [`UPDATE ${db.names.device} SET status = 'online'`],
    ends: ['running', 'running'],
  },
  {
    what: 'a deadline that was moved is not past',
    round: 'overdue' as const,
    between: () => [
      `UPDATE ${db.names.device} SET status = 'online'`,
      `UPDATE ${db.names.assignment} SET deadline_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR`,
    ],
    ends: ['running', 'running'],
  },
  {
    what: 'B1 a result that arrives first wins over the rescue',
    round: 'orphaned' as const,
    between: () => [
      `UPDATE ${db.names.task} SET status = 'done', claim_token = NULL`,
      `UPDATE ${db.names.assignment} SET status = 'completed'`,
    ],
    ends: ['done', 'completed'],
  },
])('$what', async ({ round, between, ends }) => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  const { task_id, assignment_id } = await insertAttempt(session, db.names, { device, overdue_s: 1 });
  const one = await rescuer(async () => {
    for (const sql of between()) await session.write(sql);
  });
  expect(await one[round]()).toEqual(noRescues());
  const [task, attempt] = [
    await readTask(session, db.names, task_id),
    await readAttempt(session, db.names, assignment_id),
  ];
  expect([task?.status, attempt?.status]).toEqual(ends);
  expect(task).toMatchObject({ lost_count: 0, retry: 0 });
});

test('a death counts the attempt that a round at the same time is about to take', async () => {
  const device = await insertDevice(session, db.names, { device_id: 'worker-001', columns: { status: 'offline' } });
  const { assignment_id } = await insertAttempt(session, db.names, { device });
  let begin = () => {};
  let go = () => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const mayGo = new Promise<void>((resolve) => (go = resolve));
  const one = await rescuer(() => {
    begin();
    return mayGo;
  });
  one.declareDead('worker-001');
  const first = one.orphaned();
  await begun;
  const told = one.told('worker-001');
  // Time for a second round to read its list.
  for (let n = 0; n < 20; n += 1) await session.rows('SELECT 1');
  go();
  expect(await told).toBe(1);
  expect(await first).toEqual({ ...noRescues(), rescued: 1 });
  expect((await readAttempt(session, db.names, assignment_id))?.status).toBe('lost');
});

test('a page of attempts that cannot be ended does not starve those behind it', async () => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  const attempts = [];
  for (let n = 0; n < 5; n += 1) attempts.push(await insertAttempt(session, db.names, { device }));
  const holder = await db.session();
  await holder.write('START TRANSACTION');
  // By PRIMARY: MariaDB scans a table of five rows, and locks them all.
  await holder.rows(`SELECT id FROM ${db.names.task} FORCE INDEX (PRIMARY) WHERE id IN (?) FOR UPDATE`, [
    attempts.slice(0, 2).map((one) => one.task_id),
  ]);
  const one = await rescuer(async () => {}, 2);
  expect(await one.orphaned()).toEqual(noRescues());
  expect(await one.orphaned()).toEqual({ ...noRescues(), rescued: 2 });
  expect(await one.orphaned()).toEqual({ ...noRescues(), rescued: 1 });
  await holder.write('ROLLBACK');
  expect(await one.orphaned()).toEqual({ ...noRescues(), rescued: 2 });
});

test('a closed duty session stops a list at its next row', async () => {
  const device = await insertDevice(session, db.names, { columns: { status: 'offline' } });
  await insertAttempt(session, db.names, { device });
  const duty = new DutySession(await db.session(), db.names, { holder: 'leader', term: 1 });
  const one = new Rescuer({ duty, policy: configSchema.parse({}).master, revokeTimeoutS: 20 });
  await duty.close();
  await expect(one.orphaned(new Failures(duty))).rejects.toThrow(/no longer the leader/);
});
