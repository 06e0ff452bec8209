// What keeps a node at work, and others from waiting for it, taken away.
import { type Mutant, mutant } from './mutant.ts';

export const OF_NODES: Mutant[] = [
  mutant('silent-leader-renews', 'the lease is renewed also while the main thread, which has the duties, is blocked')
    .in('node/liveness.ts', '      if (this.#silence.silent) await this.#election!.yield(this.#session, now);\n', '')
    .in('node/liveness.ts', 'check(this.#identity!);\n      else await', 'check(this.#identity!);\n      await')
    .storm({ 'block-leader': 3, 'kill-worker': 1 }, [14], { kills: 6, pace_ms: 2500 }),
  mutant('hostages-kept', 'what a blocked process has claimed and not begun is not released by its other thread')
    .in(
      'node/liveness.ts',
      'if (this.#silence.silent) await this.#silence.check(this.#identity!);\n      else await',
      'if (!this.#silence.silent) await',
    )
    .test('test/proof/processes/blocked.test.ts', 'releases what had not begun within seconds'),
  mutant('board-not-read', 'a task begins although its claim may have been released while the main thread was blocked')
    .in('worker/run/runner.ts', '(generation !== this.#options.board.generation)', '(generation < 0)')
    .test('test/unit/core/worker/run/runner.test.ts', 'once the liveness thread has closed the board'),
  mutant('autocommit-inherited', "a session keeps the server's autocommit")
    .in('db/session-settings.ts', "  { name: 'autocommit', value: 1 },\n", '')
    .test('test/unit/core/db/session-settings.test.ts', 'is set to this and nothing else'),
  mutant(
    'settings-not-read-back',
    'nobody checks whether the server has set a session as asked, its character sets included',
  )
    .in('db/session-settings.ts', "!== 'utf8mb4') throw refused", "=== '') throw refused")
    .in('db/session-settings.ts', '    throw refused(name, read, value, where);\n', '')
    .test('test/unit/core/db/session-settings.test.ts', 'is refused by a server that has not set'),
  mutant('claim-not-isolated', 'a claim that the server refuses for one row ends the worker')
    .in(
      'worker/claim/claimer.ts',
      'else await planner.refused(claim, error as Error, batch.length > 0);',
      "else throw new AfdError('E_INTERNAL', String(error));",
    )
    .test('test/integration/worker/odd-claims.test.ts', 'a task whose row a constraint refuses is put aside alone')
    .storm({ 'odd-row': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
  mutant('requirements-are-json', 'what a task requires is taken for JSON')
    .in(
      'worker/claim/lane-catalog.ts',
      'requirementsOf(task.required_capabilities).requires,',
      "JSON.parse(task.required_capabilities ?? 'null'),",
    )
    .test('test/unit/core/worker/claim/lane-catalog.test.ts', 'requirements that are not JSON are nobody'),
  mutant('killed-query-is-final', 'KILL QUERY is taken for a fault of the statement')
    .in('db/error-kinds.ts', "'broken-off': [1317, ", "'broken-off': [")
    .in('db/error-kinds.ts', '    1064,\n    1136,', '    1064,\n    1317,\n    1136,')
    .test('test/unit/core/db/error-kinds.test.ts', 'is what its name or its SQLSTATE says')
    .storm({ 'kill-query': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
  mutant('any-error-refuses-the-end', 'an error that passes counts as a refusal of the end that was being written')
    .in('worker/claim/claimer.ts', "(bug || (error instanceof DatabaseError && error.fault !== 'data'))", '(bug)')
    .test('test/unit/core/worker/claim/claimer.test.ts', 'throws no finished work away'),
  mutant('first-failure-ends-the-round', 'a row that cannot be written ends the round of the leader that met it')
    .in('leader/duty/failures.ts', 'if (!this.#duty.refused(error)) throw error;', 'throw error;')
    .test('test/integration/leader/one-row.test.ts', 'attempt cannot be ended, and names that one'),
  mutant('never-back-to-the-cursor', 'a claim begins behind what others run, also when nothing more is due there')
    .in('worker/claim/lane-cursor.ts', 'this.at !== undefined && !this.behind;', 'this.at !== undefined;')
    .test('test/unit/core/worker/claim/lane-catalog.test.ts', 'then it begins at its own cursor'),
  mutant('no-pause-after-nothing', 'a claim that got nothing is followed by the next at once')
    .in('worker/claim/claim-planner.ts', '    else this.#pause.pause();\n    return moved;', '    return true;')
    .test(
      'test/unit/core/worker/claim/claim-planner.test.ts',
      'follows a claim that brought nothing although its lane seems to have tasks',
    ),
  mutant('abandoned-reads-go-on', 'the server goes on with a read whose sender has given it up')
    .in('db/server-facts.ts', 'const PART_OF_DEADLINE = 0.8;', 'const PART_OF_DEADLINE = 0;')
    .test('test/db/session.test.ts', 'has the server end a read before that, and lives on'),
  mutant('costly-polls-together', 'a poll that costs the server much is made by all devices at once')
    .in('worker/claim/poller.ts', 'const alone = this.#costly.costly;', 'const alone = false;')
    .test('test/db/lanes/poll-lock.test.ts', 'is not made while another device polls'),
  mutant('hangup-not-heard', 'SIGHUP ends the process where it stands')
    .in(
      'src/cli/shutdown.ts',
      'Object.keys(CODES) as StopSignal[];',
      "(Object.keys(CODES) as StopSignal[]).filter((one) => one !== 'SIGHUP');",
    )
    .test('test/unit/cli/shutdown.test.ts', 'hears SIGHUP as it hears SIGTERM'),
  mutant(
    'stray-error-untold',
    'a worker that ends because of an error that nobody caught ends as if it had been asked to',
  )
    .in('worker/run/strays.ts', '    return this.#fatal;\n', '    return undefined;\n')
    .test('test/proof/processes/worker-ends.test.ts', 'an error that shows no handler ends the worker in order'),
  mutant('log-without-bound', 'a text of any length is redacted and written to the log')
    .in('domain/redaction/redact.ts', 'if (text.length <= most) return', 'if (text.length >= 0) return')
    .test('test/unit/core/domain/redaction/redact.test.ts', 'it has the beginning of a long text'),
];
