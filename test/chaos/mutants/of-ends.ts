// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What the end of an attempt leaves behind, and in whose hours each time is written.
import { caught, core, type Mutant, test } from './mutant.ts';

const times = (name: string) => test('db', 'test/db/times.test.ts', name);
const ends = (name: string) => test('db', 'test/db/ends.test.ts', name);

export const OF_ENDS: Mutant[] = [
  caught(
    'retry-now-utc',
    'a task that is tried again is due by the hour of UTC, whatever the zone of its table',
    core('db/tasks/retry-task.ts', 'next_run_at = NOW(3)', 'next_run_at = UTC_TIMESTAMP(3)'),
    times('moves a task, and tries it again'),
  ),
  caught(
    'rescue-in-utc',
    'a rescued task is due by the hour of UTC, whatever the zone of its table',
    core('db/attempts/rescue-assignment.ts', "'NOW(3) + INTERVAL", "'UTC_TIMESTAMP(3) + INTERVAL"),
    test('db', 'test/db/attempts/open-attempts.test.ts', 'the next run in the task table’s own time'),
  ),
  caught(
    'completed-local-time',
    'completed_at of a completed attempt is in the hours of the session',
    core(
      'db/claim/statements.ts',
      "SET status = 'completed', completed_at = UTC_TIMESTAMP(3)",
      "SET status = 'completed', completed_at = NOW(3)",
    ),
    times('an end'),
  ),
  caught(
    'ended-local-time',
    'completed_at of any other attempt is in the hours of the session',
    core(
      'db/claim/statements.ts',
      'SET status = ?, completed_at = UTC_TIMESTAMP(3)',
      'SET status = ?, completed_at = NOW(3)',
    ),
    times('failed for good'),
  ),
  caught(
    'cancelled-local-time',
    'finished_at of a task that was cancelled is in the hours of the session',
    core('db/tasks/cancel-task.ts', 'finished_at = UTC_TIMESTAMP(3)', 'finished_at = NOW(3)'),
    times('cancels a task that waits, and one that runs'),
  ),
  caught(
    'heartbeat-local-time',
    'a heartbeat is written in the hours of the session',
    core('db/devices/heartbeat-device.ts', 'last_heartbeat = UTC_TIMESTAMP(3)', 'last_heartbeat = NOW(3)'),
    times('its heartbeat, and the row of its history'),
  ),
  caught(
    'result-cut',
    'a long text in a result is cut',
    core(
      'domain/attempt/reconcile.ts',
      'JSON.stringify(result ?? null)',
      "JSON.stringify(result ?? null, (_, one) => (typeof one === 'string' ? one.slice(0, 1000) : one))",
    ),
    ends('comes back as it was, each with its own task'),
  ),
  caught(
    'result-truncated',
    'a result may have a quarter of what it may',
    core('domain/attempt/handler-result.ts', 'RESULT_BYTES = 4 * 1024 * 1024', 'RESULT_BYTES = 1024 * 1024'),
    ends('of 4 MB is stored whole'),
  ),
  caught(
    'result-of-a-neighbour',
    'of attempts that complete together each has the result of the first',
    core(
      'db/claim/statements.ts',
      '[one.record.assignment_id, one.result]',
      '[one.record.assignment_id, done[0]!.result]',
    ),
    ends('comes back as it was, each with its own task'),
  ),
  caught(
    'why-of-all-or-none',
    'the reason of a failed attempt is stored only when all that end with it failed too',
    core('db/claim/ended-attempts.ts', 'const failures = ended.some(', 'const failures = ended.every('),
    ends('of many that end together, each has its own'),
  ),
  caught(
    'deaths-remembered',
    'a task that is done keeps its count of deaths and its last error',
    core('db/claim/statements.ts', ' lost_count = 0,\n            last_error = NULL,', ''),
    ends('no error and no death is remembered, the tries'),
  ),
  caught(
    'release-forgets-deaths',
    'a task that is released loses its count of deaths and its last error',
    core(
      'db/claim/statements.ts',
      "const keeps = one.assignment_status === 'released' && one.due_in_s === undefined;",
      'const keeps = false;',
    ),
    ends('everything as it was, due as before'),
  ),
  caught(
    'target-kept',
    'a task that was directed once is directed there again after a failed attempt',
    core(
      'db/claim/statements.ts',
      'claim_token = ?, ${NO_INLINE_CLAIM},\n            target_device_id = NULL, target_until = NULL,',
      'claim_token = ?, ${NO_INLINE_CLAIM},',
    ),
    ends('a claim takes the target off'),
  ),
  caught(
    'deadline-of-the-first',
    'the deadline of the first task that is claimed is that of all',
    core('db/claim/statements.ts', 'new Set(tasks.map((one) => one.lease_s))', 'new Set([tasks[0]!.lease_s])'),
    ends('is each task’s own'),
  ),
  caught(
    'start-moves',
    'the start of an attempt that is said again is the later one',
    core(
      'db/attempts/flush-starts.ts',
      'started_at = COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND)',
      'started_at = UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND',
    ),
    ends('the first start stays'),
  ),
  caught(
    'deadline-from-the-claim',
    'the deadline of an attempt goes on counting from its claim when its start is known',
    core(
      'db/attempts/flush-starts.ts',
      'deadline_at = UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND + INTERVAL ? SECOND',
      'deadline_at = IF(? + ? IS NULL, NULL, deadline_at)',
    ),
    ends('counts from the start of its handler'),
  ),
  caught(
    'recovered-although-begun',
    'after a lost connection a claim is found again whose handler has begun',
    core('db/attempts/recover-claims.ts', "a.status = 'assigned' AND", "a.status IN ('assigned', 'running') AND"),
    ends('a claim is found by its token'),
  ),
  caught(
    'payload-for-anybody',
    'a payload is given to an attempt that no longer holds its task',
    core('db/attempts/claimed-payload.ts', 'WHERE id = ? AND claim_token = ?', 'WHERE id = ? AND ? IS NOT NULL'),
    ends('is given to the attempt that holds it, and to no other'),
  ),
  caught(
    'aside-although-running',
    'a task that the server lets nobody claim is set to failed although a device runs it by now',
    core('db/claim/set-aside.ts', " AND status IN ('pending', 'assigned')", ''),
    ends('leaves what somebody runs or has ended'),
  ),
  caught(
    'rescue-counts-ignored',
    'the row of an attempt that changed under its lock is taken for written',
    core('db/attempts/rescue-assignment.ts', "if (assignment.affectedRows !== 1) throw bug(locked, 'assignment');", ''),
    test('db', 'test/db/attempts/open-attempts.test.ts', 'a stale token of the'),
  ),
  {
    name: 'follow-ups-before-the-end',
    what: 'follow-up tasks are committed before the end that asks for them',
    patches: [
      core(
        'worker/port/database-work.ts',
        'await insertTasks(session, names, tasks, { maxRetryCount: policy.maxRetryCount, parentId });',
        `await insertTasks(session, names, tasks, { maxRetryCount: policy.maxRetryCount, parentId });
      await session.write('COMMIT');
      await session.write('START TRANSACTION');`,
      ),
    ],
    by: test(
      'db',
      'test/integration/worker/faults.test.ts',
      'leaves no follow-up task of an end whose COMMIT has failed',
    ),
  },
];
