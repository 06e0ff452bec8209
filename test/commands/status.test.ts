import { describe, expect } from 'vitest';
import Status from '../../src/commands/status.ts';
import type { Session } from '../../src/core/db/session.ts';
import { fleetCounts } from '../../src/core/db/tasks/fleet-status.ts';
import type { FleetStatus } from '../../src/core/status.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, insertTask, insertWorker } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { runCommand } from '../unit/cli/run-command.ts';

let db: TestDatabase;
let session: Session;

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const run = (...argv: string[]) =>
  runCommand(Status, 'status', argv, { AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' });
const status = async () => {
  const ran = await run('--json');
  return { ...(ran.json() as unknown as FleetStatus), exitCode: ran.exitCode };
};
const worker = (device_id: string, columns = {}) => insertWorker(session, db.names, device_id, columns);
const leader = () => insertLeader(session, db.names, 'w1', 7);
const task = (columns = {}) => insertTask(session, db.names, columns);

describe('a fleet that is well', () => {
  it('says so with exit 0, before anything has happened', async () => {
    expect(await status()).toMatchObject({ well: true, problems: [], exitCode: 0, oldest_due_age: null });
    expect((await run()).stdout).toMatch(/^The fleet is healthy\.\n/);
  });

  it('finding B11: says who leads, who is online or paused, and how many tasks there are in each status', async () => {
    const busy = await worker('w1', { status: 'busy', max_concurrent_tasks: 4 });
    await worker('w2', { operator_state: 'paused', max_concurrent_tasks: 2 });
    await worker('w3', { operator_state: 'draining', status: 'offline' });
    await leader();
    await insertAttempt(session, db.names, { device: busy });
    for (const name of ['pending', 'done', 'done', 'failed', 'waiting', 'cancelled']) await task({ status: name });
    expect(await status()).toMatchObject({
      ...{ well: true, leader: { device_id: 'w1', term: 7 }, overdue: 0 },
      devices: {
        ...{ online: 1, busy: 1, offline: 1, silent: [], slots: 6, current_tasks: 1, inactive_slots: 2 },
        inactive: [{ device_id: 'w2', operator_state: 'paused' }],
      },
      tasks: { pending: 1, running: 1, done: 2, failed: 1, waiting: 1, assigned: 0, cancelled: 1, unmatchable: 0 },
    });
    const { stdout } = await run();
    expect(stdout).toContain('Leader     w1, term 7\n');
    expect(stdout).toMatch(
      /^Devices {4}2 online, .*w2 paused, 1 offline; 1 of 6 slots in use, 2 on inactive devices$/m,
    );
    expect(stdout).toContain('Tasks      1 pending, 1 waiting, 1 running, 2 done, 1 failed, 1 cancelled\n');
  });

  it('says how long the oldest due task has waited, and leaves out what is due later', async () => {
    await worker('w1');
    await leader();
    await task({ next_run_at: '2099-01-01 00:00:00' });
    expect((await status()).oldest_due_age).toBeNull();
    const id = await task();
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) - INTERVAL 100 SECOND WHERE id = ?`, [id]);
    const { oldest_due_age } = await status();
    expect([oldest_due_age! >= 100, oldest_due_age! < 130]).toEqual([true, true]);
    expect((await run()).stdout).toContain('Oldest due for 2 min\n');
  });
});

describe('a fleet that is not well', () => {
  it.for<[string, () => Promise<unknown>, string]>([
    [
      'devices that are silent',
      () => insertDevice(session, db.names, { device_id: 'quiet', silent_s: 100 }),
      'no recent heartbeat from quiet',
    ],
    ['that nobody works when tasks are due', () => task(), 'no worker is online, but tasks are due'],
    [
      'that nobody leads while workers are there',
      async () => {
        await worker('w1');
        await leader();
        await session.write(`UPDATE ${db.names.leader} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND`);
      },
      'no leader: tasks still run, but dead devices and missed deadlines are not detected',
    ],
    [
      'the resource limit when every worker that could is over one',
      async () => {
        await worker('w1', { over_limits: '["memory is at 93 %, over its limit of 90 %"]' });
        await worker('w2', { operator_state: 'paused' });
        await leader();
        await task();
      },
      'every worker is over a resource limit, but tasks are due (w1: memory is at 93 %, over its limit of 90 %)',
    ],
    [
      'that no device is active, not counting one that is paused',
      async () => {
        await worker('w1', { operator_state: 'paused' });
        await leader();
        await task();
      },
      'every online worker is paused, draining or quarantined, but tasks are due',
    ],
    [
      'attempts past their deadline',
      async () => {
        await leader();
        await insertAttempt(session, db.names, { device: await worker('w1'), overdue_s: 5 });
      },
      '1 task still running after the deadline',
    ],
  ])('says %s, and is exit 1', async ([, prepare, problem]) => {
    await prepare();
    expect(await status()).toMatchObject({ well: false, exitCode: 1, problems: [problem] });
    expect((await run()).stdout).toContain(`Problems:\n  - ${problem}\n`);
  });

  it('says nothing of a resource limit while another worker is free', async () => {
    await worker('w1', { over_limits: '["memory is at 93 %, over its limit of 90 %"]' });
    await worker('w3');
    await leader();
    await task();
    expect((await status()).problems).toEqual([]);
  });

  it('A12 names the lanes that no online device can run', async () => {
    await worker('w1', { capabilities: '{"supported_tasks":["sync_data"],"memory_gb":4}' });
    await worker('gone', { status: 'offline', capabilities: '{"supported_tasks":["sync_apps"]}' });
    await leader();
    await task();
    await task({ task_type: 'sync_apps' });
    for (const priority of [1, 9]) await task({ required_capabilities: '{"browser_support": true}', priority });
    const found = await status();
    expect([found.tasks.unmatchable, found.unmatchable.length]).toEqual([3, 2]);
    expect(found.unmatchable).toContainEqual({
      ...{ task_type: 'sync_data', required_capabilities: { browser_support: true } },
      ...{ pending: 2, reasons: ['lacks browser_support=true'] },
    });
    expect(found.problems.join('\n')).toContain(
      'no online device can run 1 task sync_apps (closest match: does not handle sync_apps)',
    );
  });

  it('says when more than a tenth of the attempts of the last hour failed', async () => {
    const device = await worker('w1');
    await leader();
    const ended = async (end: string, minutesAgo: number) => {
      const { assignment_id } = await insertAttempt(session, db.names, { device, task: { status: 'done' } });
      await session.write(
        `UPDATE ${db.names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE id = ?`,
        [end, minutesAgo, assignment_id],
      );
    };
    for (let i = 0; i < 9; i += 1) await ended('completed', 1);
    for (const [end, ago] of [
      ['failed', 90],
      ['lost', 1],
      ['failed', 1],
    ] as const)
      await ended(end, ago);
    expect(await status()).toMatchObject({ well: true, last_hour: { completed: 9, failed: 1, timeout: 0, lost: 1 } });
    await ended('timeout', 59);
    expect((await status()).problems).toEqual(['18 % of the attempts of the last hour failed (2 of 11)']);
  });
});

it('reads only bounded index ranges, whatever the table holds', async () => {
  // On an empty table the optimizer does not care.
  const finished = Array.from({ length: 2000 }, (_, i) => [i + 1, 'w', 'completed', 1, Buffer.alloc(16), '2020-01-01']);
  await session.write(
    `INSERT INTO ${db.names.assignment} (task_id, device_id, status, attempt, claim_token, deadline_at) VALUES ?`,
    [finished],
  );
  await session.write(`INSERT INTO ${db.names.task} (task_type, status) VALUES ?`, [
    finished.map((_, n) => ['a', n % 4 === 0 ? 'pending' : 'done']),
  ]);
  await session.rows(`ANALYZE TABLE ${db.names.task}, ${db.names.assignment}`);
  const asked: string[] = [];
  const watched = Object.create(session) as Session;
  watched.rows = async (sql: string, values: unknown[] = []) => {
    asked.push(sql);
    return session.rows(sql, values);
  };
  await fleetCounts(watched, db.names);
  const plan = await session.rows(`EXPLAIN ${session.facts.isMariaDb ? '' : 'FORMAT=TRADITIONAL '}${asked[0]}`);
  const read = plan.filter((row) => [db.names.plain.task, db.names.plain.assignment].includes(row.table));
  expect(read).toHaveLength(12);
  for (const row of read) {
    expect(['afd_claim', 'idx_status']).toContain(row.key);
    expect(['ref', 'range']).toContain(row.type);
  }
});

it('refuses a schema that was never migrated, with the command to run', async () => {
  await session.write(`RENAME TABLE ${db.names.migration} TO af_migration_away`);
  try {
    const ran = await run('--json');
    expect(ran.exitCode).toBe(78);
    expect(ran.json()).toMatchObject({ error: { code: 'E_SCHEMA', suggestions: ['afd migrate up'] } });
  } finally {
    await session.write(`RENAME TABLE af_migration_away TO ${db.names.migration}`);
  }
});
