import { confirmZone } from '../../cli/ask/confirm-zone.ts';
import { BaseCommand } from '../../cli/base-command.ts';
import { upFlags } from '../../cli/flags/migrate-flags.ts';
import { operator } from '../../cli/operator.ts';
import { withProgress } from '../../cli/progress.ts';
import type { SchemaState } from '../../core/context/schema-state.ts';
import type { MigrationPlan, MigrationResult } from '../../core/migrate/migrate.ts';

/** What was done; with --dry-run the plan; with --check the state of the schema. */
export type MigrateResult =
  | (MigrationResult & Pick<MigrationPlan, 'adoption' | 'adopted_tables'>)
  | (MigrationPlan & { dry_run: true })
  | (SchemaState & { up_to_date: boolean });

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the schema to this version; safe to run on several nodes at once.';
  static override description =
    'If the task table exists, the command adds what is missing without blocking writers or changing stored values, and asks for the time zone of the stored times.';
  static override examples = ['<%= config.bin %> migrate', '<%= config.bin %> migrate --dry-run'];
  static override flags = upFlags;

  async run(): Promise<MigrateResult> {
    const { flags } = await this.parse(this.ctor as typeof Migrate);
    return this.withContext(
      async (context) => {
        const render = await import('../../cli/render/migration-list.ts');
        if (flags.check) {
          const { isUpToDate, schemaState } = await import('../../core/context/schema-state.ts');
          const state = await schemaState(await context.session(), context.names);
          if (!isUpToDate(state)) this.exitWith(78);
          this.log(render.renderMigrations(state, await this.colour()));
          return { ...state, up_to_date: isUpToDate(state) };
        }
        const { migrate, planMigration } = await import('../../core/migrate/migrate.ts');
        const options = { foreignKeys: flags['foreign-keys'], visible: flags.visible };
        const progress = { quiet: this.jsonEnabled() };
        const plan = await withProgress('Reading the schema', progress, () => planMigration(context, options));
        if (flags['dry-run']) {
          const { renderPlan } = await import('../../cli/render/migration-plan.ts');
          this.log(renderPlan(plan));
          return { ...plan, dry_run: true };
        }
        const zone = await confirmZone(plan.adoption, flags, this.jsonEnabled());
        const telling = { ...progress, plain: (message: string) => this.note(message) };
        const result = await withProgress('Migrating', telling, ({ say, show }) =>
          migrate(context, operator(undefined), {
            ...options,
            zone,
            onWait: say,
            onStatement: (sql) => show(sql.split('\n', 1)[0]!),
          }),
        );
        const { adoption, adopted_tables } = plan;
        this.log(render.renderApplied({ ...result, adoption, adopted_tables }));
        return { ...result, adoption, adopted_tables };
      },
      { purpose: 'migrate' },
    );
  }
}
