import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import type { Batch } from '../../core/batches/batches.ts';

export interface BatchesLsResult {
  batches: Batch[];
}

export default class BatchesLs extends BaseCommand {
  static override summary = 'List batches, newest first.';
  static override examples = ['<%= config.bin %> batches ls', '<%= config.bin %> batches ls --limit 10 --json'];
  static override flags = {
    limit: Flags.integer({ helpValue: 'N', min: 1, max: 10_000, default: 50, summary: 'Maximum number of batches.' }),
  };

  async run(): Promise<BatchesLsResult> {
    const { flags } = await this.parse(BatchesLs);
    return this.withContext(async (context) => {
      const { batches } = await import('../../core/batches/batches.ts');
      const { renderBatches } = await import('../../cli/render/batch.ts');
      const page = await batches(context, { limit: flags.limit });
      this.log(renderBatches(page.batches, (await this.renderOptions()).width));
      return { batches: page.batches };
    });
  }
}
