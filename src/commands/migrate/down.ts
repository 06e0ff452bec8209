import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { Removal } from '../../core/migrate/migrate.ts';

export type MigrateDownResult = Removal & { dry_run: boolean };

export default class MigrateDown extends BaseCommand {
  static override summary = 'Remove everything that afd created in this schema.';
  static override description =
    'The command refuses if rows would be lost. A task table that afd did not create is kept with its rows: only what afd added to it is removed, except the added values of its status column.';
  static override examples = ['<%= config.bin %> migrate down --dry-run', '<%= config.bin %> migrate down --force'];
  static override flags = {
    'dry-run': Flags.boolean({ summary: 'Print the SQL statements without running them.' }),
    force: Flags.boolean({ summary: 'Remove everything even if rows are lost.' }),
  };

  async run(): Promise<MigrateDownResult> {
    const { flags } = await this.parse(MigrateDown);
    return this.withContext(
      async (context) => {
        const { removeSchema } = await import('../../core/migrate/migrate.ts');
        const dryRun = flags['dry-run'];
        const removal = await removeSchema(context, { force: flags.force, dryRun });
        const { renderRemoval, renderStatements } = await import('../../cli/render/migration-plan.ts');
        this.log(dryRun ? renderStatements(removal.statements) : renderRemoval(removal));
        return { ...removal, dry_run: dryRun };
      },
      { purpose: 'migrate' },
    );
  }
}
