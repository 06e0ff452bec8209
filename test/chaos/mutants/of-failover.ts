// A writer that is none, and what belongs to a server that has been replaced.
import { caught, core, type Mutant, test } from './mutant.ts';

const decide = (name: string) => test('unit', 'test/unit/core/domain/writer/decide-writer.test.ts', name);
const finder = (name: string) => test('unit', 'test/unit/core/writer/writer-finder.test.ts', name);
const sessions = (name: string) => test('db', 'test/db/server/writer.test.ts', name);
const rule = (find: string, replace: string) => core('domain/writer/decide-writer.ts', find, replace);

export const OF_FAILOVER: Mutant[] = [
  caught(
    'double-writer-accepted',
    'of two servers that both accept writes the first is taken',
    rule('first !== undefined && second !== undefined', 'first === undefined && second !== undefined'),
    decide('is refused at once when both accept writes'),
  ),
  caught(
    'writer-by-its-own-word',
    'a primary is believed that no other member confirms',
    rule('best[1].length * 2 > chosen.size', 'best[1].length > 0'),
    decide('does not believe a primary that nobody else confirms'),
  ),
  caught(
    'minority-votes',
    'a member that sees no majority of its group has a vote',
    rule("view.own?.state === 'ONLINE' && view.majority", "view.own?.state === 'ONLINE'"),
    decide('has no writer in a primary without a majority'),
  ),
  caught(
    'read-only-primary',
    'a new primary is used before it is writable',
    rule('if (chosen.state.readOnly)', "if (chosen.member === '')"),
    decide('the new one is not writable yet'),
  ),
  caught(
    'galera-hops-back',
    'the writer of a Galera cluster changes back when the first node returns',
    rule('one.member === writer && (', 'one.member === undefined && ('),
    decide('keeps its writer when the first node is back'),
  ),
  caught(
    'server-id-ignored',
    'sessions with a server that has been replaced go on',
    core('domain/writer/member-answer.ts', 'one.server === other.server && ', ''),
    finder('tells those that are still connected to another server'),
  ),
  caught(
    'former-writer-not-asked-again',
    'a session that met a former writer does not ask for the present one',
    core('db/session.ts', 'if (this.#target.address === address) throw error;', 'throw error;'),
    sessions('asks once more when the writer that was found long ago is gone'),
  ),
  caught(
    'dead-on-another-server',
    'a device is declared dead on a server where nobody has taken a lock yet',
    core('leader/rescue/health-check.ts', 'session.facts.connection === connection &&', 'connection.length > 0 &&'),
    test('db', 'test/integration/leader/health-check.test.ts', 'declares nobody dead on another'),
  ),
  caught(
    'id-of-who-has-not-come-back',
    'a device id is taken whose process has not come to the new server yet',
    core('node/device-identity.ts', ' || holder?.moved === true', ''),
    sessions('is not free because its lock is'),
  ),
  {
    name: 'no-relock',
    what: 'a worker whose connection was opened again does not take its lock again',
    patches: [
      core('node/own-device.ts', 'this.#session.facts.connection === this.#lockedOn', 'this.#lockedOn.length > 0'),
      core('node/liveness.ts', 'device.locked && this.#lostSince === undefined', 'device.locked'),
    ],
    by: test('unit', 'test/unit/core/node/liveness.test.ts', 'and back with the lock and the row'),
  },
];
