// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What a claim, an end and a leader's write stand on, taken away: mostly seen by a storm.
import { core, type Mutant, storm, test } from './mutant.ts';

export const OF_CLAIMS: Mutant[] = [
  {
    name: 'no-task-fence',
    what: 'a finish does not compare the token of the task',
    patches: [
      core(
        'domain/attempt/reconcile.ts',
        'if (task.claim_token === null || !task.claim_token.equals(finish.claim_token)) {',
        'if (task.claim_token === null) {',
      ),
    ],
    by: storm({ 'foreign-reset': 20, 'kill-worker': 4 }, [5]),
    also: test('unit', 'test/unit/core/domain/attempt/reconcile.test.ts', 'the task belongs to another claim'),
  },
  {
    name: 'no-assignment-fence',
    what: 'the start of an attempt is written whatever became of its record',
    patches: [
      core(
        'db/attempts/flush-starts.ts',
        "WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')",
        'WHERE id = ? AND ? IS NOT NULL',
      ),
    ],
    by: test('db', 'test/db/claim/finish-and-claim.test.ts', 'marks an attempt as running once'),
  },
  {
    name: 'no-claim-lock',
    what: 'a claim reads its candidates without FOR UPDATE SKIP LOCKED',
    patches: [
      core(
        'db/claim/statements.ts',
        'LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: [source.lane',
        'LIMIT ${limit}`,\n    values: [source.lane',
      ),
    ],
    by: test('db', 'test/db/claim/finish-and-claim.test.ts', 'skips rows that another session has locked'),
  },
  {
    name: 'claim-before-due',
    what: 'a claim does not ask whether a task is due',
    patches: [core('db/claim/statements.ts', "{ sql: 'due_at <= NOW(3)', values: [] }", "{ sql: 'TRUE', values: [] }")],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
    also: test('db', 'test/db/claim/finish-and-claim.test.ts', 'leaves rows that are due in the future'),
  },
  {
    name: 'node-clock',
    what: "a lease is renewed by the node's clock",
    patches: [
      core(
        'db/leader/renew-leader.ts',
        'SET renewed_at = UTC_TIMESTAMP(3), expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND',
        'SET renewed_at = UTC_TIMESTAMP(3), expires_at = FROM_UNIXTIME(${Date.now() / 1000}) + INTERVAL ? MICROSECOND',
      ),
    ],
    by: storm({ 'kill-leader': 3, 'kill-worker': 1 }, [7]),
    also: test('db', 'test/db/leader/leader-row.test.ts', 'a lease ends by the clock of the server'),
  },
  {
    name: 'no-leader-fence',
    what: 'a duty commits without asking whether its term still holds',
    patches: [core('leader/duty/duty-transaction.ts', '    await assertLeader(session, names, lease);\n', '')],
    by: storm({ 'resign-leader': 10, 'kill-worker': 10, latency: 2 }, [7], { kills: 25, tasks: 500, pace_ms: 200 }),
    also: test('db', 'test/db/leader/leader-row.test.ts', 'a duty of a term that is over writes nothing'),
  },
  {
    name: 'unfenced-rescue',
    what: 'a rescue ends an attempt without checking whether it is still open',
    patches: [
      core(
        'db/attempts/lock-attempt.ts',
        "  if (attempt.status !== 'assigned' && attempt.status !== 'running') return undefined;\n",
        '',
      ),
      core(
        'db/attempts/rescue-assignment.ts',
        "WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')`",
        'WHERE id = ? AND claim_token = ?`',
      ),
    ],
    by: test('db', 'test/db/attempts/open-attempts.test.ts', 'an attempt that is over, gone, or another claim'),
  },
  {
    name: 'inline-claim-forgotten',
    what: 'a claim overwrites the attempt that stands on a row which a foreign program set back',
    patches: [
      core(
        'db/claim/write-batch.ts',
        "    ...(left.length > 0 ? [materializeAttempts(names, left, { status: 'lost', cause: 'foreign' })] : []),\n",
        '',
      ),
    ],
    by: test(
      'db',
      'test/db/claim/deferred-claims.test.ts',
      'is recorded as lost when it was set back and is claimed again',
    ),
  },
  {
    name: 'ended-is-mine',
    what: 'a finish takes any end of its attempt for its own earlier COMMIT',
    patches: [
      core(
        'domain/attempt/reconcile.ts',
        'return assignment.status === assignmentStatusOf(finish.outcome, assignment)\n',
        'return assignment.status !== undefined\n',
      ),
    ],
    by: storm({ 'reassign-force': 12, 'cancel-force': 12, 'kill-worker': 4 }, [3], { kills: 10, tasks: 400 }),
    also: test('unit', 'test/unit/core/domain/attempt/reconcile.test.ts', 'by my own COMMIT, and by no other end'),
  },
  {
    name: 'token-not-remembered',
    what: 'the token of a claim is remembered only after its answer',
    patches: [core('worker/claim/claimer.ts', '    if (claim !== undefined) this.#inFlight.add(token);\n', '')],
    by: test(
      'unit',
      'test/unit/core/worker/claim/claimer.test.ts',
      'gives back no task whose claim is committed and not answered',
    ),
  },
  {
    name: 'no-backoff',
    what: 'a failed attempt is due again at once',
    patches: [core('domain/attempt/reconcile.ts', 'due_in_s: after ?? policy.backoff(spent)', 'due_in_s: after ?? 0')],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
    also: test(
      'unit',
      'test/unit/core/domain/attempt/reconcile.test.ts',
      'one more is spent, and the task waits its backoff',
    ),
  },
  {
    name: 'one-retry-more',
    what: 'a task is tried once more than its budget allows',
    patches: [
      core(
        'domain/attempt/reconcile.ts',
        'if (spent > (task.max_retry_count ?? policy.maxRetryCount)) {',
        'if (spent > (task.max_retry_count ?? policy.maxRetryCount) + 1) {',
      ),
    ],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 6, tasks: 500 }),
    also: test('unit', 'test/unit/core/domain/attempt/reconcile.test.ts', 'the last of the budget'),
  },
  {
    name: 'death-spends-retry',
    what: 'the death of a worker spends a retry of its tasks',
    patches: [
      core(
        'domain/attempt/lost.ts',
        'const same = { retry: task.retry ?? 0, lost_count };',
        'const same = { retry: (task.retry ?? 0) + 1, lost_count };',
      ),
    ],
    by: storm({ 'kill-worker': 1 }, [9]),
    also: test('unit', 'test/unit/core/domain/attempt/lost.test.ts', 'its retry unspent, the death counted'),
  },
  {
    name: 'follow-up-dropped',
    what: "a handler's tasks are not inserted with its result",
    patches: [
      core('db/claim/finish-and-claim.ts', 'if (input.enqueue !== undefined) {', 'if (input.enqueue === undefined) {'),
    ],
    by: storm({ 'kill-worker': 1 }, [0, 1], { kills: 4 }),
    also: test(
      'db',
      'test/db/claim/finish-and-claim.test.ts',
      'writes nothing when inserting the follow-up tasks fails',
    ),
  },
  {
    name: 'rescue-of-the-living',
    what: 'a device is declared dead though it has shown life, or is another instance, since it was seen',
    patches: [
      core(
        'db/devices/mark-device-dead.ts',
        'AND instance_token <=> ? AND last_heartbeat <=> ?',
        'AND (? IS NULL OR ? IS NULL OR TRUE)',
      ),
    ],
    by: test('db', 'test/db/devices/dead-devices.test.ts', 'does not happen when it has shown life'),
  },
  {
    name: 'locks-trusted-after-restart',
    what: 'a free lock counts although it was taken before the server started',
    patches: [
      core(
        'db/devices/unlocked-devices.ts',
        'AND lock_taken_at >= CAST(? AS DATETIME(3)) - INTERVAL 2 SECOND',
        'AND ? IS NOT NULL',
      ),
    ],
    by: test('db', 'test/db/devices/dead-devices.test.ts', 'need a lock of this server since its start'),
  },
  {
    name: 'commit-despite-1205',
    what: 'after a lock wait that was too long, what was written until then is committed',
    patches: [
      core(
        'db/transaction.ts',
        '      await rollback(session);\n      throw error;',
        "      await session.write('COMMIT');\n      throw error;",
      ),
    ],
    by: test('db', 'test/db/transaction.test.ts', 'waits too long for a lock'),
  },
  {
    name: 'trust-from-the-answer',
    what: 'a leader trusts its lease from the answer of a renewal, not from its start',
    patches: [
      core(
        'election/elector.ts',
        '          this.#trust(start);\n          return this.#interval;',
        '          this.#trust(this.#now());\n          return this.#interval;',
      ),
    ],
    by: test('db', 'test/integration/leader/elector.test.ts', 'a hung renewal that succeeds does not extend trust'),
  },
  {
    name: 'already-is-lost',
    what: 'a finish that is sent again is not compared with what its own COMMIT has written',
    patches: [
      core(
        'domain/attempt/reconcile.ts',
        'return assignment.status === assignmentStatusOf(finish.outcome, assignment)\n',
        'return assignment.status === undefined\n',
      ),
    ],
    by: test('db', 'test/integration/worker/faults.test.ts', 'after every third COMMIT'),
  },
];
