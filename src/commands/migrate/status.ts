import { BaseCommand } from '../../cli/base-command.ts';
import type { SchemaState } from '../../core/context/schema-state.ts';

export type MigrateStatusResult = SchemaState & { up_to_date: boolean };

export default class MigrateStatus extends BaseCommand {
  static override summary = 'Show which migrations are applied, pending or unknown; change nothing.';
  static override examples = ['<%= config.bin %> migrate status', '<%= config.bin %> migrate status --json'];

  async run(): Promise<MigrateStatusResult> {
    await this.parse(MigrateStatus);
    return this.withContext(
      async (context) => {
        const { isUpToDate, schemaState } = await import('../../core/context/schema-state.ts');
        const state = await schemaState(await context.session(), context.names);
        const { renderMigrations } = await import('../../cli/render/migration-list.ts');
        this.log(renderMigrations(state, await this.colour()));
        return { ...state, up_to_date: isUpToDate(state) };
      },
      { purpose: 'migrate' },
    );
  }
}
