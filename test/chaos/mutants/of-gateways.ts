// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source code
// What gateways and remote workers stand on, taken away: leases, cursors, what an operator saw, claims that come late, the journal.
import { type Mutant, mutant } from './mutant.ts';

export const OF_GATEWAYS: Mutant[] = [
  mutant('lease-turned', 'a lease counts as over while it lasts, and as valid when it is over')
    .in('db/devices/unlocked-devices.ts', '(lease_until < UTC_TIMESTAMP(3) OR', '(lease_until > UTC_TIMESTAMP(3) OR')
    .test('test/db/gateway/leases.test.ts', 'that is over makes a device unlocked'),
  mutant(
    'dead-despite-lease',
    'a device whose session lock is gone, or that is silent, is declared dead although its lease is valid',
  )
    .in('db/devices/mark-device-dead.ts', '       AND NOT COALESCE(lease_until > UTC_TIMESTAMP(3), 0)\n', '')
    .in('db/devices/silent-devices.ts', 'AND NOT COALESCE(d.lease_until > UTC_TIMESTAMP(3), 0)', '')
    .test('test/db/gateway/leases.test.ts', 'keeps a device from being declared dead by either sign'),
  mutant('lease-taken', 'a gateway takes a device that waits at another one')
    .in('db/gateway/renew-leases.ts', "'COALESCE(gateway_id, ?)'", "'?'")
    .test('test/db/gateway/leases.test.ts', 'is not shortened, nor taken'),
  mutant('lease-shortened', 'a gateway shortens the lease that another one has extended since')
    .in('db/gateway/renew-leases.ts', "'IF(lease_until > @afd_lease, lease_until, @afd_lease)'", "'@afd_lease'")
    .test('test/db/gateway/leases.test.ts', 'is not shortened, nor taken'),
  mutant('lease-of-any-instance', 'a gateway extends the lease of a device that another process has taken over')
    .in('db/gateway/renew-leases.ts', 'instance_token IN (?)`,\n', '(instance_token IN (?) OR TRUE)`,\n')
    .test('test/db/gateway/leases.test.ts', 'is extended by the instance that has it'),
  mutant('lease-ended-unseen', 'a lease is ended although another gateway has extended it')
    .in('db/gateway/end-leases.ts', 'AND lease_until = ${seen}', 'AND COALESCE(${seen}, 1) IS NOT NULL')
    .test('test/db/gateway/leases.test.ts', 'is ended only as it was written last'),
  mutant('expect-ignored', 'an act is done to a task that has changed since the operator saw it')
    .in('domain/task/expected-task.ts', '=== status && seen.attempt === attempt)', '=== status || attempt >= 0)')
    .test('test/integration/gateway/task-acts.test.ts', 'happens only to a task that is as it was seen'),
  mutant('cursor-repeats', 'a page of a list begins with the last task of the page before')
    .in('db/search/find-tasks.ts', 'WHERE ${key} < ?${floor}', 'WHERE ${key} <= ?${floor}')
    .test('test/db/search/find-tasks.test.ts', 'only ids below the place where the page before ended'),
  mutant('late-claims-known', 'a claim that a hung gateway carries out late counts as one whose end is written')
    .in('worker/gateway-link.ts', 'claimer.holds(one, at)', 'claimer.holds(one, Number.NEGATIVE_INFINITY)')
    .test('test/integration/remote/late-claims.test.ts', 'is given back when its worker has gone'),
  mutant('ahead-of-deaths', 'a task that was tried before is taken ahead through a gateway, and waits for a slot')
    .in('gateway/devices/wire/wire-rooms.ts', 'if (first && room.later > 0) {', 'if (room.later > 0) {')
    .test('test/unit/core/gateway/wire-rooms.test.ts', 'is taken ahead only if nobody has tried it'),
  mutant('ahead-without-journal', 'a remote worker takes tasks ahead although it could not keep their results')
    .in('worker/claim/gateway-planner.ts', 'most > 0 && canKeep() ? most : 0', 'most > 0 || canKeep() ? most : 0')
    .test('test/unit/core/worker/claim/gateway-planner.test.ts', 'takes nothing ahead while its journal'),
  mutant('journal-without-owner', 'a journal whose first write has failed does not say whose it is')
    .in(
      'worker/journal/journal.ts',
      'try {\n      await Promise.all(all.map',
      'this.#begun = true;\n    try {\n      await Promise.all(all.map',
    )
    .test('test/unit/core/worker/journal/journal.test.ts', 'names its owner although its first write has failed'),
  mutant('database-shown', 'HTTP clients receive the whole text of an error of the database')
    .in('src/gateway/server/problem-answers.ts', 'detail: redactText(message, { mask }),', 'detail: error.message,')
    .test('test/integration/gateway/database-errors.test.ts', 'is told no address, account, SQL or schema'),
];
