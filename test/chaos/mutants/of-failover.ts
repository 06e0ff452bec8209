// A writer that is none, and what belongs to a server that has been replaced.
import { type Mutant, mutant } from './mutant.ts';

export const OF_FAILOVER: Mutant[] = [
  mutant('double-writer-accepted', 'of two servers that both accept writes the first is taken')
    .in('domain/writer/decide-writer.ts', 'first !== undefined && second', 'first === undefined && second')
    .test('test/unit/core/domain/writer/decide-writer.test.ts', 'is refused at once when both accept writes'),
  mutant('writer-by-its-own-word', 'a primary is believed that no other member confirms')
    .in('domain/writer/decide-writer.ts', 'best[1].length * 2 > chosen.size', 'best[1].length > 0')
    .test('test/unit/core/domain/writer/decide-writer.test.ts', 'does not believe a primary that nobody else confirms'),
  mutant('minority-votes', 'a member that sees no majority of its group has a vote')
    .in('domain/writer/decide-writer.ts', "=== 'ONLINE' && view.majority", "=== 'ONLINE'")
    .test('test/unit/core/domain/writer/decide-writer.test.ts', 'has no writer in a primary without a majority'),
  mutant('read-only-primary', 'a new primary is used before it is writable')
    .in('domain/writer/decide-writer.ts', 'if (chosen.state.readOnly)', "if (chosen.member === '')")
    .test('test/unit/core/domain/writer/decide-writer.test.ts', 'the new one is not writable yet'),
  mutant('galera-hops-back', 'the writer of a Galera cluster changes back when the first node returns')
    .in('domain/writer/decide-writer.ts', 'one.member === writer && (', 'one.member === undefined && (')
    .test('test/unit/core/domain/writer/decide-writer.test.ts', 'keeps its writer when the first node is back'),
  mutant('server-id-ignored', 'sessions with a server that has been replaced go on')
    .in('domain/writer/member-answer.ts', 'one.server === other.server && ', '')
    .test('test/unit/core/writer/writer-finder.test.ts', 'tells those that are still connected to another server'),
  mutant('former-writer-not-asked-again', 'a session that met a former writer does not ask for the present one')
    .in('db/session.ts', 'if (this.#target.address === address) throw error;', 'throw error;')
    .test('test/db/server/writer.test.ts', 'asks once more when the writer that was found long ago is gone'),
  mutant('dead-on-another-server', 'a device is declared dead on a server where nobody has taken a lock yet')
    .in('leader/rescue/health-check.ts', 'session.facts.connection === connection &&', 'connection.length > 0 &&')
    .test('test/integration/leader/health-check.test.ts', 'declares nobody dead on another'),
  mutant('id-of-who-has-not-come-back', 'a device id is taken whose process has not come to the new server yet')
    .in('node/device-identity.ts', ' || holder?.moved === true', '')
    .test('test/db/server/writer.test.ts', 'is not free because its lock is'),
  mutant('no-relock', 'a worker whose connection was opened again does not take its lock again')
    .in('node/own-device.ts', 'this.#session.facts.connection === this.#lockedOn', 'this.#lockedOn.length > 0')
    .in('node/liveness.ts', 'device.locked && this.#lostSince === undefined', 'device.locked')
    .test('test/unit/core/node/liveness.test.ts', 'and back with the lock and the row'),
];
