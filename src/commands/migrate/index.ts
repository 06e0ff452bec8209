import { BaseCommand } from '../../cli/base-command.ts';

/** `applied`: what this run applied, in order; empty when there was nothing to do. */
export interface MigrateResult {
  applied: string[];
}

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the schema to this version; harmless when several nodes do it at once.';
  static override examples = ['<%= config.bin %> migrate', '<%= config.bin %> migrate status'];

  async run(): Promise<MigrateResult> {
    await this.parse(this.ctor);
    return this.withContext(
      async (context) => {
        const { migrate } = await import('../../core/migrations.ts');
        const result = await migrate(context);
        const { renderApplied } = await import('../../cli/render/migration-list.ts');
        this.log(renderApplied(result));
        return result;
      },
      { purpose: 'migrate' },
    );
  }
}
