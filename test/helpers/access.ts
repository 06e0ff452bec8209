// What tests of sign-in and rights begin with: a gateway that asks who everybody is, and users, keys and sessions for it.
import { afterEach } from 'vitest';
import { makeKey } from '../../src/core/access/manage-keys.ts';
import { PasswordHasher } from '../../src/core/access/password-hash.ts';
import { newSessionId } from '../../src/core/access/session-check.ts';
import type { Role, UserRole } from '../../src/core/domain/access/role.ts';
import { actor } from './actor.ts';
import { type Given, it } from './fixture.ts';
import { startGateway, stopGateways } from './gateway.ts';
import { testContext } from './node.ts';

export type Headers = Record<string, string>;

export const PASSWORD = 'correct horse battery';
/** What a browser says of a request by a page of the gateway. */
export const OWN = { 'sec-fetch-site': 'same-origin' };
/** A hash that takes no time. */
export const CHEAP = { ln: 4, r: 8, p: 1 };
export const bearer = (text: string) => ({ authorization: `Bearer ${text}` });

export type Access = ReturnType<typeof accessTo>;

/** Each test of the file has a schema of its own, and no gateway outlives it. */
export function eachWithAccess(take: (opened: Access) => unknown): void {
  it.beforeEach(({ given, onTestFinished }) => {
    const opened = accessTo(given);
    onTestFinished(() => opened.context.close());
    take(opened);
  });
  afterEach(stopGateways);
}

function accessTo(given: Given) {
  const { db, session } = given;
  const context = testContext(db);
  return {
    ...{ given, context },
    start: (server: object = {}) =>
      startGateway(db, { server: { auth: 'keys', ...server }, limits: { requestsPerAddress: 100_000 } }),
    async user(name: string, role: UserRole) {
      const hash = await new PasswordHasher(CHEAP).hash(PASSWORD);
      await session.write(
        `INSERT INTO ${db.names.user} (name, password_hash, role, created_at, created_by, password_changed_at)
         VALUES (?, ?, ?, UTC_TIMESTAMP(3), 'test', UTC_TIMESTAMP(3))`,
        [name, hash, role],
      );
    },
    async keyOf(role: Role, device_id: string | null = null) {
      const made = await makeKey(context, { name: `a ${role}`, role, device_id, lifetimeS: 86_400 }, actor());
      return { ...made, headers: bearer(made.text) };
    },
    /** The headers of a session that began without a log-in, whose hash takes its time. */
    async signedIn(name: string): Promise<Headers> {
      const { text, hash } = newSessionId();
      await session.write(
        `INSERT INTO ${db.names.session} (id_hash, user_id, generation, source, created_at, last_seen_at, expires_at)
         SELECT ?, id, generation, '127.0.0.1', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 HOUR
         FROM ${db.names.user} WHERE name = ?`,
        [hash, name],
      );
      return { cookie: `afd_session=${text}`, ...OWN };
    },
    /** What the audit log has, as "actor action object". */
    async audited() {
      const rows = await session.rows(`SELECT actor, action, object_id FROM ${db.names.auditLog} ORDER BY id`);
      return rows.map((row) => `${row.actor} ${row.action} ${row.object_id}`);
    },
  };
}
