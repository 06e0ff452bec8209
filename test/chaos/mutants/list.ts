// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// afd with one thing taken away, each caught by a short storm or by a named test. A patch must match its source exactly
// once: who moves the line moves the mutant with it.
import type { Weights } from '../plan.ts';
import type { Mutant, NamedTest, Patch, ShortStorm } from './mutant.ts';

const storm = (weights: Weights, rules: number[], more: Partial<ShortStorm> = {}): ShortStorm => ({
  kind: 'storm',
  weights,
  rules,
  kills: 8,
  tasks: 300,
  pace_ms: 300,
  ...more,
});
const test = (project: NamedTest['project'], file: string, name: string): NamedTest => ({
  kind: 'test',
  project,
  file,
  name,
});
const core = (file: string, find: string, replace: string): Patch => ({ file: `src/core/${file}`, find, replace });

export const MUTANTS: Mutant[] = [
  {
    name: 'no-task-fence',
    what: 'a finish does not compare the token of the task',
    patches: [
      core(
        'domain/settlement.ts',
        'if (task.claim_token === null || !task.claim_token.equals(finish.claim_token)) {',
        'if (task.claim_token === null) {',
      ),
    ],
    by: storm({ 'foreign-reset': 20, 'kill-worker': 4 }, [5]),
  },
  {
    name: 'no-assignment-fence',
    what: 'the start of an attempt is written whatever became of its record',
    patches: [
      core(
        'db/queries/flush-starts.ts',
        "WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')",
        'WHERE id = ? AND ? IS NOT NULL',
      ),
    ],
    by: test('db', 'test/db/finish-and-claim.test.ts', 'marks an attempt as running once'),
  },
  {
    name: 'no-claim-lock',
    what: 'a claim reads its candidates without FOR UPDATE SKIP LOCKED',
    patches: [
      core(
        'db/queries/select-candidates.ts',
        'LIMIT ${limit} FOR UPDATE SKIP LOCKED`,\n    values: [source.lane',
        'LIMIT ${limit}`,\n    values: [source.lane',
      ),
    ],
    by: test('db', 'test/db/finish-and-claim.test.ts', 'skips rows that another session has locked'),
  },
  {
    name: 'claim-before-due',
    what: 'a claim does not ask whether a task is due',
    patches: [
      core('db/queries/select-candidates.ts', "{ sql: 'due_at <= NOW(3)', values: [] }", "{ sql: 'TRUE', values: [] }"),
    ],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
  },
  {
    name: 'node-clock',
    what: "a lease is renewed by the node's clock",
    patches: [
      core(
        'db/queries/renew-leader.ts',
        'SET renewed_at = UTC_TIMESTAMP(3), expires_at = UTC_TIMESTAMP(3) + INTERVAL ? MICROSECOND',
        'SET renewed_at = UTC_TIMESTAMP(3), expires_at = FROM_UNIXTIME(${Date.now() / 1000}) + INTERVAL ? MICROSECOND',
      ),
    ],
    by: storm({ 'kill-leader': 3, 'kill-worker': 1 }, [7]),
  },
  {
    name: 'no-leader-fence',
    what: 'a duty commits without asking whether its term still holds',
    patches: [core('leader/duty-transaction.ts', '    await assertLeader(session, names, lease);\n', '')],
    by: storm({ 'resign-leader': 10, 'kill-worker': 10, latency: 2 }, [7], { kills: 25, tasks: 500, pace_ms: 200 }),
  },
  {
    name: 'unfenced-rescue',
    what: 'a rescue ends an attempt without looking whether it is still open',
    patches: [
      core(
        'db/queries/lock-attempt.ts',
        "  if (attempt.status !== 'assigned' && attempt.status !== 'running') return undefined;\n",
        '',
      ),
      core(
        'db/queries/rescue-assignment.ts',
        "WHERE id = ? AND claim_token = ? AND status IN ('assigned', 'running')`",
        'WHERE id = ? AND claim_token = ?`',
      ),
    ],
    by: storm({ 'kill-worker': 1 }, [5, 6], { kills: 30, tasks: 600 }),
  },
  {
    name: 'light-claim-forgotten',
    what: 'a claim overwrites the attempt that stands on a row which a foreign program set back',
    patches: [
      core(
        'db/queries/write-claims.ts',
        "    ...(left.length > 0 ? [factsIntoRows(names, left, { status: 'lost', cause: 'foreign' })] : []),\n",
        '',
      ),
    ],
    by: test('db', 'test/db/light-claims.test.ts', 'is recorded as lost when it was set back and is claimed again'),
  },
  {
    name: 'ended-is-mine',
    what: 'a finish takes any end of its attempt for its own earlier COMMIT',
    patches: [
      core(
        'domain/settlement.ts',
        'return assignment.status === assignmentStatusOf(finish.outcome, assignment)\n',
        'return assignment.status !== undefined\n',
      ),
    ],
    by: storm({ 'reassign-force': 12, 'cancel-force': 12, 'kill-worker': 4 }, [3], { kills: 10, tasks: 400 }),
  },
  {
    name: 'token-not-remembered',
    what: 'the token of a claim is remembered only after its answer',
    patches: [core('worker/claimer.ts', '    if (claims) this.#inFlight.add(hex);\n', '')],
    by: storm({ 'cut-commit-sent': 10, 'cut-commit-answered': 10, latency: 8, 'kill-worker': 2 }, [0, 3, 5, 10], {
      tasks: 600,
      pace_ms: 200,
    }),
  },
  {
    name: 'no-backoff',
    what: 'a failed attempt is due again at once',
    patches: [core('domain/settlement.ts', 'due_in_s: after ?? policy.backoff(spent)', 'due_in_s: after ?? 0')],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 4 }),
  },
  {
    name: 'one-retry-more',
    what: 'a task is tried once more than its budget allows',
    patches: [
      core(
        'domain/settlement.ts',
        'if (spent > (task.max_retry_count ?? policy.maxRetryCount)) {',
        'if (spent > (task.max_retry_count ?? policy.maxRetryCount) + 1) {',
      ),
    ],
    by: storm({ 'kill-worker': 1 }, [9], { kills: 6, tasks: 500 }),
  },
  {
    name: 'death-spends-retry',
    what: 'the death of a worker spends a retry of its tasks',
    patches: [
      core(
        'domain/lost.ts',
        'const same = { retry: task.retry ?? 0, lost_count };',
        'const same = { retry: (task.retry ?? 0) + 1, lost_count };',
      ),
    ],
    by: storm({ 'kill-worker': 1 }, [9]),
  },
  {
    name: 'follow-up-dropped',
    what: "a handler's tasks are not inserted with its result",
    patches: [
      core('db/finish-and-claim.ts', 'if (input.enqueue !== undefined) {', 'if (input.enqueue === undefined) {'),
    ],
    by: storm({ 'kill-worker': 1 }, [0, 1], { kills: 4 }),
  },
  {
    name: 'rescue-of-the-living',
    what: 'a device is declared dead though it has shown life, or is another instance, since it was seen',
    patches: [
      core(
        'db/queries/mark-device-dead.ts',
        'AND instance_token <=> ? AND last_heartbeat <=> ?',
        'AND (? IS NULL OR ? IS NULL OR TRUE)',
      ),
    ],
    by: test('db', 'test/db/queries/dead-devices.test.ts', 'does not happen when it has shown life'),
  },
  {
    name: 'locks-trusted-after-restart',
    what: 'a free lock counts although it was taken before the server started',
    patches: [
      core(
        'db/queries/unlocked-devices.ts',
        'AND lock_taken_at >= CAST(? AS DATETIME(3)) - INTERVAL 2 SECOND',
        'AND ? IS NOT NULL',
      ),
    ],
    by: test('db', 'test/db/queries/dead-devices.test.ts', 'need a lock of this server since its start'),
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
        'leader/elector.ts',
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
        'domain/settlement.ts',
        'return assignment.status === assignmentStatusOf(finish.outcome, assignment)\n',
        'return assignment.status === undefined\n',
      ),
    ],
    by: test('db', 'test/integration/worker/faults.test.ts', 'after every third COMMIT'),
  },
  {
    name: 'silent-leader-renews',
    what: 'the lease is renewed also while the main thread, which has the duties, is blocked',
    patches: [
      core(
        'worker/liveness.ts',
        '      if (this.#silence.silent) await this.#election!.yield(this.#session, now);\n',
        '',
      ),
      core(
        'worker/liveness.ts',
        '      if (this.#silence.silent) await this.#silence.look(this.#identity!);\n      else await',
        '      if (this.#silence.silent) await this.#silence.look(this.#identity!);\n      await',
      ),
    ],
    by: storm({ 'block-leader': 3, 'kill-worker': 1 }, [14], { kills: 6, pace_ms: 2500 }),
  },
  {
    name: 'hostages-kept',
    what: 'what a blocked process has claimed and not begun is not given back by its other thread',
    patches: [
      core(
        'worker/liveness.ts',
        'if (this.#silence.silent) await this.#silence.look(this.#identity!);\n      else await',
        'if (!this.#silence.silent) await',
      ),
    ],
    by: test('db', 'test/integration/worker/blocked.test.ts', 'gives back what had not begun within seconds'),
  },
  {
    name: 'board-not-read',
    what: 'a task begins although its claim may have been given back while the main thread was blocked',
    patches: [
      core(
        'worker/runner.ts',
        '    if (generation !== this.#options.board.generation) return',
        '    if (generation < 0) return',
      ),
    ],
    by: test('unit', 'test/unit/core/worker/runner.test.ts', 'once the liveness thread has closed the board'),
  },
  {
    name: 'autocommit-inherited',
    what: "a session keeps the server's autocommit",
    patches: [core('db/session-settings.ts', "  { name: 'autocommit', value: 1 },\n", '')],
    by: test('serial', 'test/serial/hostile-server.test.ts', 'what migrate and tasks add have acknowledged is there'),
  },
  {
    name: 'settings-not-read-back',
    what: 'nobody looks whether the server did as it was told about a session, its characters among them',
    patches: [
      core('db/session-settings.ts', "!== 'utf8mb4') throw refused", "=== '') throw refused"),
      core('db/session-settings.ts', '    throw refused(name, read, value, where);\n', ''),
    ],
    by: test('serial', 'test/serial/hostile-server.test.ts', 'because something between swallows a SET is refused'),
  },
  {
    name: 'claim-not-isolated',
    what: 'a claim that the server refuses for one row ends the worker',
    patches: [
      core(
        'worker/claimer.ts',
        'if (plan.sources.length > 0) await this.#claims.refused(plan, batch.length > 0, error as Error);\n      else this',
        "if (plan.sources.length > 0) throw new AfdError('E_INTERNAL', String(error));\n      else this",
      ),
    ],
    by: storm({ 'odd-row': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
  },
  {
    name: 'requirements-are-json',
    what: 'what a task requires is taken for JSON',
    patches: [
      core(
        'worker/lane-book.ts',
        'requirementsOf(task.required_capabilities).requires,',
        "JSON.parse(task.required_capabilities ?? 'null'),",
      ),
    ],
    by: test('unit', 'test/unit/core/worker/lane-book.test.ts', 'requirements that are not JSON are nobody'),
  },
  {
    name: 'killed-query-is-final',
    what: 'KILL QUERY is taken for a fault of the statement',
    patches: [
      core('db/error-kinds.ts', "'broken-off': [1317, ", "'broken-off': ["),
      core('db/error-kinds.ts', '    1064,\n    1136,', '    1064,\n    1317,\n    1136,'),
    ],
    by: storm({ 'kill-query': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
  },
  {
    name: 'any-error-refuses-the-end',
    what: 'an error that passes counts as a refusal of the end that was being written',
    patches: [
      core(
        'worker/claimer.ts',
        "if (bug || (error instanceof DatabaseError && error.fault !== 'data')) throw error;",
        'if (bug) throw error;',
      ),
    ],
    by: test('db', 'test/integration/worker/odd-claims.test.ts', 'throws no finished work away'),
  },
  {
    name: 'first-failure-ends-the-round',
    what: 'a row that cannot be written ends the round of the leader that met it',
    patches: [core('leader/failures.ts', 'if (!this.#duty.refused(error)) throw error;', 'throw error;')],
    by: test('db', 'test/integration/leader/one-row.test.ts', 'attempt cannot be ended, and names that one'),
  },
  {
    name: 'never-back-to-the-mark',
    what: 'a claim begins behind what others run, also when nothing more is due there',
    patches: [core('worker/lane-book.ts', 'frontier: mark !== undefined && !behind,', 'frontier: mark !== undefined,')],
    by: test('unit', 'test/unit/core/worker/lane-book.test.ts', 'then it begins at its own mark'),
  },
  {
    name: 'no-pause-after-nothing',
    what: 'a claim that got nothing is followed by the next at once',
    patches: [
      core(
        'worker/claims.ts',
        '    this.#pausedUntil = monotonic() + this.#pauseMs;\n    return false;',
        '    return true;',
      ),
    ],
    by: test('db', 'test/integration/worker/odd-claims.test.ts', 'is asked for a few times, not without end'),
  },
  {
    name: 'abandoned-reads-go-on',
    what: 'the server goes on with a read whose sender has given it up',
    patches: [core('db/server-facts.ts', 'const PART_OF_DEADLINE = 0.8;', 'const PART_OF_DEADLINE = 0;')],
    by: test('db', 'test/db/session.test.ts', 'has the server end a read before that, and lives on'),
  },
  {
    name: 'costly-looks-together',
    what: 'a look that costs the server much is made by all devices at once',
    patches: [core('worker/scout.ts', 'const alone = this.#costly.costly;', 'const alone = false;')],
    by: test('db', 'test/db/look-lock.test.ts', 'is not made while another device looks'),
  },
  {
    name: 'hangup-not-heard',
    what: 'SIGHUP ends the process where it stands',
    patches: [
      {
        file: 'src/cli/shutdown.ts',
        find: 'Object.keys(CODES) as StopSignal[];',
        replace: "(Object.keys(CODES) as StopSignal[]).filter((one) => one !== 'SIGHUP');",
      },
    ],
    by: test('unit', 'test/unit/cli/shutdown.test.ts', 'hears SIGHUP as it hears SIGTERM'),
  },
  {
    name: 'stray-error-untold',
    what: 'a worker that ends because of an error that nobody caught ends as if it had been asked to',
    patches: [core('worker/strays.ts', '    return this.#fatal;\n', '    return undefined;\n')],
    by: test('db', 'test/integration/worker-ends.test.ts', 'an error that shows no handler ends the worker in order'),
  },
  {
    name: 'log-without-bound',
    what: 'a text of any length is redacted and written to the log',
    patches: [core('redact.ts', 'if (text.length <= most) return', 'if (text.length >= 0) return')],
    by: test('unit', 'test/unit/core/redact.test.ts', 'it has the beginning of a long text'),
  },
];
