// What keeps a node at work, and others from waiting for it, taken away.
import { core, type Mutant, storm, test } from './mutant.ts';

export const OF_NODES: Mutant[] = [
  {
    name: 'silent-leader-renews',
    what: 'the lease is renewed also while the main thread, which has the duties, is blocked',
    patches: [
      core(
        'node/liveness.ts',
        '      if (this.#silence.silent) await this.#election!.yield(this.#session, now);\n',
        '',
      ),
      core(
        'node/liveness.ts',
        '      if (this.#silence.silent) await this.#silence.check(this.#identity!);\n      else await',
        '      if (this.#silence.silent) await this.#silence.check(this.#identity!);\n      await',
      ),
    ],
    by: storm({ 'block-leader': 3, 'kill-worker': 1 }, [14], { kills: 6, pace_ms: 2500 }),
  },
  {
    name: 'hostages-kept',
    what: 'what a blocked process has claimed and not begun is not released by its other thread',
    patches: [
      core(
        'node/liveness.ts',
        'if (this.#silence.silent) await this.#silence.check(this.#identity!);\n      else await',
        'if (!this.#silence.silent) await',
      ),
    ],
    by: test('proof', 'test/proof/processes/blocked.test.ts', 'releases what had not begun within seconds'),
  },
  {
    name: 'board-not-read',
    what: 'a task begins although its claim may have been released while the main thread was blocked',
    patches: [
      core(
        'worker/run/runner.ts',
        '    if (generation !== this.#options.board.generation) return',
        '    if (generation < 0) return',
      ),
    ],
    by: test('unit', 'test/unit/core/worker/run/runner.test.ts', 'once the liveness thread has closed the board'),
  },
  {
    name: 'autocommit-inherited',
    what: "a session keeps the server's autocommit",
    patches: [core('db/session-settings.ts', "  { name: 'autocommit', value: 1 },\n", '')],
    by: test('unit', 'test/unit/core/db/session-settings.test.ts', 'is set to this and nothing else'),
  },
  {
    name: 'settings-not-read-back',
    what: 'nobody checks whether the server has set a session as asked, its character sets included',
    patches: [
      core('db/session-settings.ts', "!== 'utf8mb4') throw refused", "=== '') throw refused"),
      core('db/session-settings.ts', '    throw refused(name, read, value, where);\n', ''),
    ],
    by: test('unit', 'test/unit/core/db/session-settings.test.ts', 'is refused by a server that has not set'),
  },
  {
    name: 'claim-not-isolated',
    what: 'a claim that the server refuses for one row ends the worker',
    patches: [
      core(
        'worker/claim/claimer.ts',
        'else await planner.refused(claim, error as Error, batch.length > 0);',
        "else throw new AfdError('E_INTERNAL', String(error));",
      ),
    ],
    by: storm({ 'odd-row': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
    also: test(
      'db',
      'test/integration/worker/odd-claims.test.ts',
      'a task whose row a constraint refuses is put aside alone',
    ),
  },
  {
    name: 'requirements-are-json',
    what: 'what a task requires is taken for JSON',
    patches: [
      core(
        'worker/claim/lane-catalog.ts',
        'requirementsOf(task.required_capabilities).requires,',
        "JSON.parse(task.required_capabilities ?? 'null'),",
      ),
    ],
    by: test('unit', 'test/unit/core/worker/claim/lane-catalog.test.ts', 'requirements that are not JSON are nobody'),
  },
  {
    name: 'killed-query-is-final',
    what: 'KILL QUERY is taken for a fault of the statement',
    patches: [
      core('db/error-kinds.ts', "'broken-off': [1317, ", "'broken-off': ["),
      core('db/error-kinds.ts', '    1064,\n    1136,', '    1064,\n    1317,\n    1136,'),
    ],
    by: storm({ 'kill-query': 10, 'kill-worker': 2 }, [0], { kills: 5 }),
    also: test('unit', 'test/unit/core/db/error-kinds.test.ts', 'is what its name or its SQLSTATE says'),
  },
  {
    name: 'any-error-refuses-the-end',
    what: 'an error that passes counts as a refusal of the end that was being written',
    patches: [
      core(
        'worker/claim/claimer.ts',
        "if (bug || (error instanceof DatabaseError && error.fault !== 'data')) throw error;",
        'if (bug) throw error;',
      ),
    ],
    by: test('unit', 'test/unit/core/worker/claim/claimer.test.ts', 'throws no finished work away'),
  },
  {
    name: 'first-failure-ends-the-round',
    what: 'a row that cannot be written ends the round of the leader that met it',
    patches: [core('leader/duty/failures.ts', 'if (!this.#duty.refused(error)) throw error;', 'throw error;')],
    by: test('db', 'test/integration/leader/one-row.test.ts', 'attempt cannot be ended, and names that one'),
  },
  {
    name: 'never-back-to-the-cursor',
    what: 'a claim begins behind what others run, also when nothing more is due there',
    patches: [
      core(
        'worker/claim/lane-cursor.ts',
        'return this.at !== undefined && !this.behind;',
        'return this.at !== undefined;',
      ),
    ],
    by: test('unit', 'test/unit/core/worker/claim/lane-catalog.test.ts', 'then it begins at its own cursor'),
  },
  {
    name: 'no-pause-after-nothing',
    what: 'a claim that got nothing is followed by the next at once',
    patches: [
      core('worker/claim/claim-planner.ts', '    else this.#pause.pause();\n    return moved;', '    return true;'),
    ],
    by: test(
      'unit',
      'test/unit/core/worker/claim/claim-planner.test.ts',
      'follows a claim that brought nothing although its lane seems to have tasks',
    ),
  },
  {
    name: 'abandoned-reads-go-on',
    what: 'the server goes on with a read whose sender has given it up',
    patches: [core('db/server-facts.ts', 'const PART_OF_DEADLINE = 0.8;', 'const PART_OF_DEADLINE = 0;')],
    by: test('db', 'test/db/session.test.ts', 'has the server end a read before that, and lives on'),
  },
  {
    name: 'costly-polls-together',
    what: 'a poll that costs the server much is made by all devices at once',
    patches: [core('worker/claim/poller.ts', 'const alone = this.#costly.costly;', 'const alone = false;')],
    by: test('db', 'test/db/lanes/poll-lock.test.ts', 'is not made while another device polls'),
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
    patches: [core('worker/run/strays.ts', '    return this.#fatal;\n', '    return undefined;\n')],
    by: test(
      'proof',
      'test/proof/processes/worker-ends.test.ts',
      'an error that shows no handler ends the worker in order',
    ),
  },
  {
    name: 'log-without-bound',
    what: 'a text of any length is redacted and written to the log',
    patches: [core('domain/redaction/redact.ts', 'if (text.length <= most) return', 'if (text.length >= 0) return')],
    by: test('unit', 'test/unit/core/domain/redaction/redact.test.ts', 'it has the beginning of a long text'),
  },
];
