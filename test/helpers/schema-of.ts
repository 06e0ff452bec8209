// Schemas of a test's own server, and sessions of the test with them.
import { migrateUp } from '../../src/core/db/migrate/migrator.ts';
import { type DatabaseAddress, Session, type SessionOptions } from '../../src/core/db/session.ts';
import { tableNames } from '../../src/core/db/table-names.ts';
import { writerAddress, writerOf } from '../../src/core/writer/writer-finder.ts';
import { addressOf, type TestDatabase } from './database.ts';
import type { PrivateServer } from './server.ts';

export function sessionOf(address: DatabaseAddress, options: Partial<SessionOptions>): Session {
  const usual = { timeZone: '+00:00', idleTimeoutS: 60, deadlineMs: 10_000, multiStatements: true };
  return new Session({ address, writer: writerOf(address), ...usual, ...options });
}

/** Makes the schema anew. */
export async function newSchema(server: DatabaseAddress, name: string): Promise<void> {
  const admin = sessionOf(server, { deadlineMs: 30_000 });
  await admin.ready();
  await admin.write(`DROP DATABASE IF EXISTS ${name}`);
  await admin.write(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await admin.close();
}

/** A migrated schema on the private server. Its sessions connect again by themselves after a fault. */
export async function schemaOf(one: PrivateServer, name: string): Promise<TestDatabase> {
  const url = new URL(one.url);
  await newSchema(addressOf(one.url), name);
  url.pathname = `/${name}`;
  const address = addressOf(url.href);
  return migratedSchema(address, url.href);
}

/** A schema that exists and is empty. `url`: of the same place. */
export async function migratedSchema(address: DatabaseAddress, url: string): Promise<TestDatabase> {
  const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
  await migrateUp(await writerAddress(address), names);
  const open: Session[] = [];
  return {
    address,
    names,
    url,
    async session(options = {}) {
      const session = sessionOf(address, options);
      open.push(session);
      await session.ready();
      return session;
    },
    async close() {
      await Promise.all(open.map((session) => session.close()));
    },
  };
}
