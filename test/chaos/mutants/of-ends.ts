// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What the end of an attempt or of a batch leaves behind, and in whose hours each time is written.
import { type Mutant, mutant } from './mutant.ts';

export const OF_ENDS: Mutant[] = [
  mutant('retry-now-utc', 'a task that is tried again is due by the hour of UTC, whatever the zone of its table')
    .in('db/tasks/retry-task.ts', 'next_run_at = NOW(3)', 'next_run_at = UTC_TIMESTAMP(3)')
    .test('test/db/times.test.ts', 'moves a task, and tries it again'),
  mutant('rescue-in-utc', 'a rescued task is due by the hour of UTC, whatever the zone of its table')
    .in('db/attempts/rescue-assignment.ts', "'NOW(3) + INTERVAL", "'UTC_TIMESTAMP(3) + INTERVAL")
    .test('test/db/attempts/open-attempts.test.ts', 'the next run in the task table’s own time'),
  mutant('completed-local-time', 'completed_at of a completed attempt is in the hours of the session')
    .in('db/claim/statements.ts', "'completed', completed_at = UTC_TIMESTAMP(3)", "'completed', completed_at = NOW(3)")
    .test('test/db/times.test.ts', 'an end'),
  mutant('ended-local-time', 'completed_at of any other attempt is in the hours of the session')
    .in('db/claim/statements.ts', 'status = ?, completed_at = UTC_TIMESTAMP(3)', 'status = ?, completed_at = NOW(3)')
    .test('test/db/times.test.ts', 'failed for good'),
  mutant('cancelled-local-time', 'finished_at of a task that was cancelled is in the hours of the session')
    .in('db/tasks/cancel-task.ts', 'finished_at = UTC_TIMESTAMP(3)', 'finished_at = NOW(3)')
    .test('test/db/times.test.ts', 'cancels a task that waits, and one that runs'),
  mutant('heartbeat-local-time', 'a heartbeat is written in the hours of the session')
    .in('db/devices/heartbeat-device.ts', 'last_heartbeat = UTC_TIMESTAMP(3)', 'last_heartbeat = NOW(3)')
    .test('test/db/times.test.ts', 'its heartbeat, and the row of its history'),
  mutant('result-cut', 'a long text in a result is cut')
    .in(
      'domain/attempt/reconcile.ts',
      'JSON.stringify(result ?? null)',
      "JSON.stringify(result ?? null, (_, one) => (typeof one === 'string' ? one.slice(0, 1000) : one))",
    )
    .test('test/db/ends.test.ts', 'comes back as it was, each with its own task'),
  mutant('result-truncated', 'a result may have a quarter of what it may')
    .in('domain/attempt/handler-result.ts', 'RESULT_BYTES = 4 * 1024 * 1024', 'RESULT_BYTES = 1024 * 1024')
    .test('test/db/ends.test.ts', 'of 4 MB is stored whole'),
  mutant('result-of-a-neighbour', 'of attempts that complete together each has the result of the first')
    .in('db/claim/statements.ts', '.assignment_id, one.result]', '.assignment_id, done[0]!.result]')
    .test('test/db/ends.test.ts', 'comes back as it was, each with its own task'),
  mutant('why-of-all-or-none', 'the reason of a failed attempt is stored only when all that end with it failed too')
    .in('db/claim/ended-attempts.ts', 'const failures = ended.some(', 'const failures = ended.every(')
    .test('test/db/ends.test.ts', 'of many that end together, each has its own'),
  mutant('deaths-remembered', 'a task that is done keeps its count of deaths and its last error')
    .in('db/claim/statements.ts', ' lost_count = 0,\n            last_error = NULL,', '')
    .test('test/db/ends.test.ts', 'no error and no death is remembered, the tries'),
  mutant('release-forgets-deaths', 'a task that is released loses its count of deaths and its last error')
    .in('db/claim/statements.ts', "= one.assignment_status === 'released' && one.due_in_s === undefined;", '= false;')
    .test('test/db/ends.test.ts', 'everything as it was, due as before'),
  mutant('target-kept', 'a task that was directed once is directed there again after a failed attempt')
    .in(
      'db/claim/statements.ts',
      '${NO_INLINE_CLAIM},\n            target_device_id = NULL, target_until = NULL,',
      '${NO_INLINE_CLAIM},',
    )
    .test('test/db/ends.test.ts', 'a claim takes the target off'),
  mutant('deadline-of-the-first', 'the deadline of the first task that is claimed is that of all')
    .in('db/claim/statements.ts', 'new Set(tasks.map((one) => one.lease_s))', 'new Set([tasks[0]!.lease_s])')
    .test('test/db/ends.test.ts', 'is each task’s own'),
  mutant('start-moves', 'the start of an attempt that is said again is the later one')
    .in(
      'db/attempts/flush-starts.ts',
      '= COALESCE(started_at, UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND)',
      '= UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND',
    )
    .test('test/db/ends.test.ts', 'the first start stays'),
  mutant(
    'deadline-from-the-claim',
    'the deadline of an attempt goes on counting from its claim when its start is known',
  )
    .in(
      'db/attempts/flush-starts.ts',
      'deadline_at = UTC_TIMESTAMP(3) - INTERVAL ? MICROSECOND + INTERVAL ? SECOND',
      'deadline_at = IF(? + ? IS NULL, NULL, deadline_at)',
    )
    .test('test/db/ends.test.ts', 'counts from the start of its handler'),
  mutant('recovered-although-begun', 'after a lost connection a claim is found again whose handler has begun')
    .in('db/attempts/recover-claims.ts', "a.status = 'assigned' AND", "a.status IN ('assigned', 'running') AND")
    .test('test/db/ends.test.ts', 'a claim is found by its token'),
  mutant('payload-for-anybody', 'a payload is given to an attempt that no longer holds its task')
    .in('db/attempts/claimed-payload.ts', 'WHERE id = ? AND claim_token = ?', 'WHERE id = ? AND ? IS NOT NULL')
    .test('test/db/ends.test.ts', 'is given to the attempt that holds it, and to no other'),
  mutant(
    'aside-although-running',
    'a task that the server lets nobody claim is set to failed although a device runs it by now',
  )
    .in('db/claim/set-aside.ts', " AND status IN ('pending', 'assigned')", '')
    .test('test/db/ends.test.ts', 'leaves what somebody runs or has ended'),
  mutant('rescue-counts-ignored', 'the row of an attempt that changed under its lock is taken for written')
    .in('db/attempts/rescue-assignment.ts', "if (assignment.affectedRows !== 1) throw bug(locked, 'assignment');", '')
    .test('test/db/attempts/open-attempts.test.ts', 'a stale token of the'),
  mutant('follow-ups-before-the-end', 'follow-up tasks are committed before the end that asks for them')
    .in(
      'worker/port/database-work.ts',
      'maxRetryCount: policy.maxRetryCount, parentId });',
      "maxRetryCount: policy.maxRetryCount, parentId });\n await session.write('COMMIT');\n await session.write('START TRANSACTION');",
    )
    .test('test/integration/worker/faults.test.ts', 'leaves no follow-up task of an end whose COMMIT has failed'),
];

export const OF_BATCHES: Mutant[] = [
  mutant('batch-ends-open', 'a batch ends although a task of it was retried since it was read')
    .in('batches/batch-ender.ts', 'openTasks(counts.get(id)!) === 0', 'counts.has(id)')
    .test('test/integration/batches/batch-ender.test.ts', 'is open again by the time at which that would be written'),
  mutant('batch-ended-by-a-former-leader', 'a leader whose term is over ends batches')
    .in('batches/batch-ender.ts', 'this.#duty.fenced(', 'this.#duty.run(')
    .test('test/integration/batches/batch-ender.test.ts', 'does not end by a leader whose term is over'),
  mutant('batches-behind-never-reached', 'each round reads the same batches, and those behind them never end')
    .in('batches/batch-ender.ts', 'after: this.#after,', 'after: undefined,')
    .test('test/integration/batches/batch-ender.test.ts', 'is reached in turn'),
  mutant('batch-sealed-beside-an-addition', 'a batch is sealed while a transaction adds to it')
    .in('db/batches/write-batch.ts', ' LOCK IN SHARE MODE', '')
    .test('test/db/batches/add-and-seal.test.ts', 'while who seals it waits for the end of the transaction'),
  mutant('batch-ends-twice', 'a batch that has ended ends once more')
    .in('db/batches/write-batch.ts', ' AND ended_at IS NULL', '')
    .test('test/db/batches/add-and-seal.test.ts', 'is written once, and never before it is sealed'),
];
