// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What gateways and remote workers stand on, taken away: leases, cursors, what an operator saw, claims that come late, the journal.
import { caught, core, type Mutant, test } from './mutant.ts';

const leases = (name: string) => test('db', 'test/db/gateway/leases.test.ts', name);
const journal = (name: string) => test('unit', 'test/unit/core/worker/journal/journal.test.ts', name);

export const OF_GATEWAYS: Mutant[] = [
  caught(
    'lease-turned',
    'a lease counts as over while it lasts, and as valid when it is over',
    core('db/devices/unlocked-devices.ts', '(lease_until < UTC_TIMESTAMP(3) OR', '(lease_until > UTC_TIMESTAMP(3) OR'),
    leases('that is over makes a device unlocked'),
  ),
  {
    name: 'dead-despite-lease',
    what: 'a device whose session lock is gone, or that is silent, is declared dead although its lease is valid',
    patches: [
      core('db/devices/mark-device-dead.ts', '       AND NOT COALESCE(lease_until > UTC_TIMESTAMP(3), 0)\n', ''),
      core('db/devices/silent-devices.ts', 'AND NOT COALESCE(d.lease_until > UTC_TIMESTAMP(3), 0)', ''),
    ],
    by: leases('keeps a device from being declared dead by either sign'),
  },
  caught(
    'lease-taken',
    'a gateway takes a device that waits at another one',
    core('db/gateway/renew-leases.ts', "'COALESCE(gateway_id, ?)'", "'?'"),
    leases('is not shortened, nor taken'),
  ),
  caught(
    'lease-shortened',
    'a gateway shortens the lease that another one has extended since',
    core('db/gateway/renew-leases.ts', "'IF(lease_until > @afd_lease, lease_until, @afd_lease)'", "'@afd_lease'"),
    leases('is not shortened, nor taken'),
  ),
  caught(
    'lease-of-any-instance',
    'a gateway extends the lease of a device that another process has taken over',
    core(
      'db/gateway/renew-leases.ts',
      'AND instance_token IN (?)`,\n      values: [gatewayId',
      'AND (instance_token IN (?) OR TRUE)`,\n      values: [gatewayId',
    ),
    leases('is extended by the instance that has it'),
  ),
  caught(
    'lease-ended-unseen',
    'a lease is ended although another gateway has extended it',
    core('db/gateway/end-leases.ts', 'AND lease_until = ${seen}', 'AND COALESCE(${seen}, 1) IS NOT NULL'),
    leases('is ended only as it was written last'),
  ),
  caught(
    'expect-ignored',
    'an act is done to a task that has changed since the operator saw it',
    core(
      'domain/task/expected-task.ts',
      'if (seen.status === status && seen.attempt === attempt) return;',
      'if (seen.status === status || attempt >= 0) return;',
    ),
    test('db', 'test/integration/gateway/task-acts.test.ts', 'happens only to a task that is as it was seen'),
  ),
  caught(
    'cursor-repeats',
    'a page of a list begins with the last task of the page before',
    core('db/search/find-tasks.ts', 'WHERE ${key} < ?${floor}', 'WHERE ${key} <= ?${floor}'),
    test('db', 'test/db/search/find-tasks.test.ts', 'only ids below the place where the page before ended'),
  ),
  caught(
    'late-claims-known',
    'a claim that a hung gateway carries out late counts as one whose end is written',
    core('worker/gateway-link.ts', 'claimer.holds(one, at)', 'claimer.holds(one, Number.NEGATIVE_INFINITY)'),
    test('db', 'test/integration/remote/late-claims.test.ts', 'is given back when its worker has gone'),
  ),
  caught(
    'ahead-of-deaths',
    'a task that was tried before is taken ahead through a gateway, and waits for a slot',
    core('gateway/devices/wire/wire-rooms.ts', 'if (first && room.later > 0) {', 'if (room.later > 0) {'),
    test('unit', 'test/unit/core/gateway/wire-rooms.test.ts', 'is taken ahead only if nobody has tried it'),
  ),
  caught(
    'ahead-without-journal',
    'a remote worker takes tasks ahead although it could not keep their results',
    core('worker/claim/gateway-planner.ts', 'most > 0 && canKeep() ? most : 0', 'most > 0 || canKeep() ? most : 0'),
    test('unit', 'test/unit/core/worker/claim/gateway-planner.test.ts', 'takes nothing ahead while its journal'),
  ),
  caught(
    'journal-without-owner',
    'a journal whose first write has failed does not say whose it is',
    core(
      'worker/journal/journal.ts',
      '    try {\n      await Promise.all(all.map',
      '    this.#begun = true;\n    try {\n      await Promise.all(all.map',
    ),
    journal('names its owner although its first write has failed'),
  ),
  {
    name: 'database-shown',
    what: 'HTTP clients receive the whole text of an error of the database',
    patches: [
      {
        file: 'src/gateway/server/problem-answers.ts',
        find: 'detail: redactText(message, { mask }),',
        replace: 'detail: error.message,',
      },
    ],
    by: test('db', 'test/integration/gateway/database-errors.test.ts', 'is told no address, account, SQL or schema'),
  },
];
