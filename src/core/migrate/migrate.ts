// The use cases of `afd migrate`. What a human is asked is asked by the command, between `planMigration` and `migrate`.

import { audited } from '../audit/audited.ts';
import { addressOf, type Context } from '../context/context.ts';
import type { AdoptedTable } from '../db/migrate/adoption/migrating.ts';
import type { Ask } from '../db/server-facts.ts';
import { ServerPulse } from '../db/server-pulse.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { writerAddress } from '../writer/writer-finder.ts';
import { type Adoption, adoptionOf } from './adopt.ts';

export interface MigrateOptions {
  foreignKeys: boolean;
  visible: boolean;
  onWait?: (message: string) => void;
  /** Around each statement that is sent. */
  onStatement?: (sql: string, when: 'before' | 'after') => void;
}

export interface MigrationPlan {
  /** Migrations that would be applied. */
  pending: string[];
  /** The SQL that would be sent, in order. */
  statements: string[];
  /** Set when the task table is another program's, and something is to be added to it or its zone is to be confirmed. */
  adoption: Adoption | null;
  /** Tables next to the task table that are another program's, and what is to be known of them. */
  adopted_tables: AdoptedTable[];
}

export interface MigrationResult {
  applied: string[];
  statements: string[];
}

/** A table that is read whole takes longer than a call may. */
const READ_MS = 600_000;

/** What `migrate` would do; changes nothing, waits for no lock. @throws AfdError E_SCHEMA, E_CONFLICT, E_CONFIG */
export async function planMigration(context: Context, options: MigrateOptions): Promise<MigrationPlan> {
  const session = await context.session({ timeZone: '+00:00', deadlineMs: READ_MS });
  const pulse = new ServerPulse(await writerAddress(addressOf(context)));
  const ask: Ask = (sql, values) => pulse.during(session.rows(sql, values), () => session.destroy());
  const adoption = await adoptionOf(ask, context);
  const { planUp } = await import('../db/migrate/migrator.ts');
  const plan = await planUp(ask, context.names, { ...options, zone: adoption?.time_zone.zone }, session.where);
  return { pending: plan.migrations, statements: plan.statements, adoption, adopted_tables: plan.adopted };
}

/**
 * Applies what is missing and says what that was; harmless when several nodes call it at once. `zone`: as confirmed, for an
 * adopted table. @throws AfdError
 */
export async function migrate(
  context: Pick<Context, 'address' | 'names' | 'session'>,
  by: Actor,
  options: MigrateOptions & { zone?: string | undefined } = { foreignKeys: false, visible: false },
): Promise<MigrationResult> {
  // First by our own session: knex would wait for its pool, and write to stdout that it could not connect.
  const session = await context.session();
  // knex is loaded only here: no other command pays for it.
  const { migrateUp } = await import('../db/migrate/migrator.ts');
  const { migrations, statements } = await migrateUp(await writerAddress(addressOf(context)), context.names, options);
  if (migrations.length === 0) return { applied: [], statements };
  // DDL commits by itself, so this cannot be in one transaction with it. The migrator may have taken longer than an idle session lasts.
  await session.ready();
  const entries = migrations.map((name) => ({
    ...({ action: 'migrate.up', object_type: 'schema' } as const),
    object_id: name,
  }));
  await audited(
    { session, names: context.names },
    by,
    async () => {},
    () => entries,
  );
  return { applied: migrations, statements };
}

export interface Removal {
  removed: string[];
  statements: string[];
}

/** Takes back what afd made; an adopted task table stays. @throws AfdError E_CONFLICT when rows would be lost */
export async function removeSchema(context: Context, options: { force: boolean; dryRun: boolean }): Promise<Removal> {
  await context.session();
  const { migrateDown } = await import('../db/migrate/migrator.ts');
  const { migrations, statements } = await migrateDown(await writerAddress(addressOf(context)), context.names, options);
  return { removed: migrations, statements };
}
