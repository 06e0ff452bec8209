import { describe, expect } from 'vitest';
import Status from '../../src/commands/status.ts';
import type { Session } from '../../src/core/db/session.ts';
import type { FleetStatus } from '../../src/core/status.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertLeader, insertTask } from '../helpers/factories.ts';
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
const worker = (device_id: string, capabilities: object = { supported_tasks: ['sync_data'] }, columns = {}) =>
  insertDevice(session, db.names, { device_id, columns: { capabilities: JSON.stringify(capabilities), ...columns } });

describe('a fleet that is well', () => {
  it('says so with exit 0, before anything has happened', async () => {
    expect(await status()).toMatchObject({ well: true, problems: [], exitCode: 0, oldest_due_age: null });
    expect((await run()).stdout).toMatch(/^The fleet is healthy\.\n/);
  });

  it('says who leads, who is online and how many tasks there are in each status', async () => {
    const busy = await worker('w1', { supported_tasks: ['sync_data'] }, { status: 'busy', max_concurrent_tasks: 4 });
    await worker('w2');
    await insertLeader(session, db.names, 'w2', 7);
    await insertAttempt(session, db.names, { device: busy });
    await insertTask(session, db.names);
    for (const name of ['done', 'done', 'failed', 'waiting', 'cancelled'])
      await insertTask(session, db.names, { status: name });
    expect(await status()).toMatchObject({
      well: true,
      leader: { device_id: 'w2', term: 7 },
      devices: { online: 1, busy: 1, offline: 0, silent: [], slots: 9, current_tasks: 1 },
      tasks: { pending: 1, running: 1, done: 2, failed: 1, waiting: 1, assigned: 0, cancelled: 1, unmatchable: 0 },
      overdue: 0,
    });
    const { stdout } = await run();
    expect(stdout).toContain('Leader     w2, term 7\n');
    expect(stdout).toContain('Devices    2 online, 1 of them busy; 1 of 9 slots in use\n');
    expect(stdout).toContain('Tasks      1 pending, 1 waiting, 1 running, 2 done, 1 failed, 1 cancelled\n');
  });

  it('finding B11: says by name who is paused, and how many slots that takes away', async () => {
    await worker('w1', undefined, { max_concurrent_tasks: 3 });
    await worker('w2', undefined, { operator_state: 'paused', max_concurrent_tasks: 2 });
    await worker('w3', undefined, { operator_state: 'draining', status: 'offline' });
    await insertLeader(session, db.names, 'w1', 7);
    expect((await status()).devices).toMatchObject({
      ...{ online: 2, busy: 0, offline: 1, slots: 5, inactive_slots: 2 },
      inactive: [{ device_id: 'w2', operator_state: 'paused' }],
    });
    expect((await run()).stdout).toContain(
      'Devices    2 online, w2 paused, 1 offline; 0 of 5 slots in use, 2 on inactive devices\n',
    );
  });

  it('says how long the oldest due task has waited, and leaves out what is due later', async () => {
    await worker('w1');
    await insertLeader(session, db.names, 'w1', 1);
    await insertTask(session, db.names, { next_run_at: '2099-01-01 00:00:00' });
    expect((await status()).oldest_due_age).toBeNull();
    const id = await insertTask(session, db.names);
    await session.write(`UPDATE ${db.names.task} SET next_run_at = NOW(3) - INTERVAL 100 SECOND WHERE id = ?`, [id]);
    const { oldest_due_age } = await status();
    expect(oldest_due_age).toBeGreaterThanOrEqual(100);
    expect(oldest_due_age).toBeLessThan(130);
    expect((await run()).stdout).toContain('Oldest due for 2 min\n');
  });
});

describe('a fleet that is not well', () => {
  it('names devices that are silent', async () => {
    await insertDevice(session, db.names, { device_id: 'quiet', silent_s: 100 });
    const found = await status();
    expect(found).toMatchObject({ well: false, exitCode: 1, devices: { online: 0, offline: 1, silent: ['quiet'] } });
    expect(found.problems).toEqual(['no recent heartbeat from quiet']);
    expect((await run()).stdout).toMatch(/^Problems:\n {2}- no recent heartbeat from quiet\n/);
  });

  it('says that nobody works when tasks are due', async () => {
    await insertTask(session, db.names);
    expect((await status()).problems).toEqual(['no worker is online, but tasks are due']);
  });

  it('says that nobody leads while workers are there', async () => {
    await worker('w1');
    await insertLeader(session, db.names, 'w1', 1);
    await session.write(`UPDATE ${db.names.leader} SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND`);
    const found = await status();
    expect(found.leader).toMatchObject({ device_id: null, last_holder: 'w1' });
    expect(found.problems).toEqual([
      'no leader: tasks still run, but dead devices and missed deadlines are not detected',
    ]);
  });

  it('A12 names the lanes that no online device can run', async () => {
    await worker('w1', { supported_tasks: ['sync_data'], memory_gb: 4 });
    await insertDevice(session, db.names, {
      device_id: 'gone',
      columns: { status: 'offline', capabilities: JSON.stringify({ supported_tasks: ['sync_apps'] }) },
    });
    await insertLeader(session, db.names, 'w1', 1);
    await insertTask(session, db.names);
    await insertTask(session, db.names, { task_type: 'sync_apps' });
    for (const priority of [1, 9]) {
      await insertTask(session, db.names, { required_capabilities: '{"browser_support": true}', priority });
    }
    const found = await status();
    expect(found.tasks.unmatchable).toBe(3);
    expect(found.unmatchable).toHaveLength(2);
    expect(found.unmatchable).toContainEqual({
      task_type: 'sync_data',
      required_capabilities: { browser_support: true },
      pending: 2,
      reasons: ['lacks browser_support=true'],
    });
    expect(found.problems.join('\n')).toContain(
      'no online device can run 1 task sync_apps (closest match: does not handle sync_apps)',
    );
  });

  it('names the resource limit when every worker that could is over one, and not while another is free', async () => {
    await worker('w1', undefined, { over_limits: '["memory is at 93 %, over its limit of 90 %"]' });
    await worker('w2', undefined, { operator_state: 'paused' });
    await insertLeader(session, db.names, 'w1', 1);
    await insertTask(session, db.names);
    expect((await status()).problems).toEqual([
      'every worker is over a resource limit, but tasks are due (w1: memory is at 93 %, over its limit of 90 %)',
    ]);
    await worker('w3');
    expect((await status()).problems).toEqual([]);
  });

  it('does not count a paused device among those that can', async () => {
    await worker('w1', undefined, { operator_state: 'paused' });
    await insertLeader(session, db.names, 'w1', 1);
    await insertTask(session, db.names);
    expect((await status()).problems).toEqual([
      'every online worker is paused, draining or quarantined, but tasks are due',
    ]);
  });

  it('counts attempts past their deadline', async () => {
    const device = await worker('w1');
    await insertLeader(session, db.names, 'w1', 1);
    await insertAttempt(session, db.names, { device, overdue_s: 5 });
    expect(await status()).toMatchObject({ overdue: 1, problems: ['1 task still running after the deadline'] });
  });

  it('says when more than a tenth of the attempts of the last hour failed', async () => {
    const device = await worker('w1');
    await insertLeader(session, db.names, 'w1', 1);
    const ended = async (end: string, minutesAgo: number) => {
      const { assignment_id } = await insertAttempt(session, db.names, { device, task: { status: 'done' } });
      await session.write(
        `UPDATE ${db.names.assignment} SET status = ?, completed_at = UTC_TIMESTAMP(3) - INTERVAL ? MINUTE WHERE id = ?`,
        [end, minutesAgo, assignment_id],
      );
    };
    for (let i = 0; i < 9; i += 1) await ended('completed', 1);
    await ended('failed', 90);
    await ended('lost', 1);
    await ended('failed', 1);
    expect(await status()).toMatchObject({ well: true, last_hour: { completed: 9, failed: 1, timeout: 0, lost: 1 } });
    await ended('timeout', 59);
    expect((await status()).problems).toEqual(['18 % of the attempts of the last hour failed (2 of 11)']);
  });
});

it('reads only bounded index ranges, whatever the table holds', async () => {
  const { fleetCounts } = await import('../../src/core/db/tasks/fleet-status.ts');
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
