// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What a claim, an end and a leader's write stand on, taken away: mostly seen by a storm.
import { type Mutant, mutant } from './mutant.ts';

export const OF_CLAIMS: Mutant[] = [
  mutant('no-task-fence', 'a finish does not compare the token of the task')
    .in('domain/attempt/reconcile.ts', 'null || !task.claim_token.equals(finish.claim_token)) {', 'null) {')
    .test('test/unit/core/domain/attempt/reconcile.test.ts', 'the task belongs to another claim')
    .storm({ 'foreign-reset': 20, 'kill-worker': 4 }, [5]),
  mutant('no-assignment-fence', 'the start of an attempt is written whatever became of its record')
    .in('db/attempts/flush-starts.ts', "claim_token = ? AND status IN ('assigned', 'running')", '? IS NOT NULL')
    .test('test/db/claim/finish-and-claim.test.ts', 'marks an attempt as running once'),
  mutant('no-claim-lock', 'a claim reads its candidates without FOR UPDATE SKIP LOCKED')
    .in('db/claim/statements.ts', ' FOR UPDATE SKIP LOCKED`,\n    values: [source.lane', '`,\n    values: [source.lane')
    .test('test/db/claim/finish-and-claim.test.ts', 'skips rows that another session has locked'),
  mutant('claim-before-due', 'a claim does not ask whether a task is due')
    .in('db/claim/statements.ts', "{ sql: 'due_at <= NOW(3)', values: [] }", "{ sql: 'TRUE', values: [] }")
    .test('test/db/claim/finish-and-claim.test.ts', 'leaves rows that are due in the future')
    .storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
  mutant('node-clock', "a lease is renewed by the node's clock")
    .in(
      'db/leader/renew-leader.ts',
      'expires_at = UTC_TIMESTAMP(3) +',
      'expires_at = FROM_UNIXTIME(${Date.now() / 1000}) +',
    )
    .test('test/db/leader/leader-row.test.ts', 'a lease ends by the clock of the server')
    .storm({ 'kill-leader': 3, 'kill-worker': 1 }, [7]),
  mutant('no-leader-fence', 'a duty commits without asking whether its term still holds')
    .in('leader/duty/duty-transaction.ts', '    await assertLeader(session, names, lease);\n', '')
    .test('test/db/leader/leader-row.test.ts', 'a duty of a term that is over writes nothing')
    .storm({ 'resign-leader': 10, 'kill-worker': 10, latency: 2 }, [7], { kills: 25, tasks: 500, pace_ms: 200 }),
  mutant('unfenced-rescue', 'a rescue ends an attempt without checking whether it is still open')
    .in(
      'db/attempts/lock-attempt.ts',
      "  if (attempt.status !== 'assigned' && attempt.status !== 'running') return undefined;\n",
      '',
    )
    .in(
      'db/attempts/rescue-assignment.ts',
      "claim_token = ? AND status IN ('assigned', 'running')`",
      'claim_token = ?`',
    )
    .test('test/db/attempts/open-attempts.test.ts', 'an attempt that is over, gone, or another claim'),
  mutant(
    'inline-claim-forgotten',
    'a claim overwrites the attempt that stands on a row which a foreign program set back',
  )
    .in(
      'db/claim/write-batch.ts',
      "    ...(left.length > 0 ? [materializeAttempts(names, left, { status: 'lost', cause: 'foreign' })] : []),\n",
      '',
    )
    .test('test/db/claim/deferred-claims.test.ts', 'is recorded as lost when it was set back and is claimed again'),
  mutant('ended-is-mine', 'a finish takes any end of its attempt for its own earlier COMMIT')
    .in('domain/attempt/reconcile.ts', '=== assignmentStatusOf(finish.outcome, assignment)\n', '!== undefined\n')
    .test('test/unit/core/domain/attempt/reconcile.test.ts', 'by my own COMMIT, and by no other end')
    .storm({ 'reassign-force': 12, 'cancel-force': 12, 'kill-worker': 4 }, [3], { kills: 10, tasks: 400 }),
  mutant('token-not-remembered', 'the token of a claim is remembered only after its answer')
    .in('worker/claim/claimer.ts', '    if (claim !== undefined) this.#inFlight.add(token);\n', '')
    .test(
      'test/unit/core/worker/claim/claimer.test.ts',
      'gives back no task whose claim is committed and not answered',
    ),
  mutant('no-backoff', 'a failed attempt is due again at once')
    .in('domain/attempt/reconcile.ts', 'due_in_s: after ?? policy.backoff(spent)', 'due_in_s: after ?? 0')
    .test('test/unit/core/domain/attempt/reconcile.test.ts', 'one more is spent, and the task waits its backoff')
    .storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
  mutant('one-retry-more', 'a task is tried once more than its budget allows')
    .in('domain/attempt/reconcile.ts', '?? policy.maxRetryCount)) {', '?? policy.maxRetryCount) + 1) {')
    .test('test/unit/core/domain/attempt/reconcile.test.ts', 'the last of the budget')
    .storm({ 'kill-worker': 1 }, [9], { kills: 6, tasks: 500 }),
  mutant('death-spends-retry', 'the death of a worker spends a retry of its tasks')
    .in(
      'domain/attempt/lost.ts',
      'retry: task.retry ?? 0, lost_count };',
      'retry: (task.retry ?? 0) + 1, lost_count };',
    )
    .test('test/unit/core/domain/attempt/lost.test.ts', 'its retry unspent, the death counted')
    .storm({ 'kill-worker': 1 }, [9]),
  mutant('follow-up-dropped', "a handler's tasks are not inserted with its result")
    .in('db/claim/finish-and-claim.ts', 'if (input.enqueue !== undefined) {', 'if (input.enqueue === undefined) {')
    .test('test/db/claim/finish-and-claim.test.ts', 'writes nothing when inserting the follow-up tasks fails')
    .storm({ 'kill-worker': 1 }, [0, 1], { kills: 4 }),
  mutant(
    'rescue-of-the-living',
    'a device is declared dead though it has shown life, or is another instance, since it was seen',
  )
    .in(
      'db/devices/mark-device-dead.ts',
      'instance_token <=> ? AND last_heartbeat <=> ?',
      '(? IS NULL OR ? IS NULL OR TRUE)',
    )
    .test('test/db/devices/dead-devices.test.ts', 'does not happen when it has shown life'),
  mutant('locks-trusted-after-restart', 'a free lock counts although it was taken before the server started')
    .in(
      'db/devices/unlocked-devices.ts',
      'lock_taken_at >= CAST(? AS DATETIME(3)) - INTERVAL 2 SECOND',
      '? IS NOT NULL',
    )
    .test('test/db/devices/dead-devices.test.ts', 'need a lock of this server since its start'),
  mutant('commit-despite-1205', 'after a lock wait that was too long, what was written until then is committed')
    .in('db/transaction.ts', 'await rollback(session);\n      throw', "await session.write('COMMIT');\n      throw")
    .test('test/db/transaction.test.ts', 'waits too long for a lock'),
  mutant('trust-from-the-answer', 'a leader trusts its lease from the answer of a renewal, not from its start')
    .in('election/elector.ts', '#trust(start);\n          return', '#trust(this.#now());\n          return')
    .test('test/integration/leader/elector.test.ts', 'a hung renewal that succeeds does not extend trust'),
  mutant('already-is-lost', 'a finish that is sent again is not compared with what its own COMMIT has written')
    .in('domain/attempt/reconcile.ts', '=== assignmentStatusOf(finish.outcome, assignment)\n', '=== undefined\n')
    .test('test/integration/worker/faults.test.ts', 'after every third COMMIT'),
];
