import { BaseCommand } from '../../cli/base-command.ts';
import { batchIdArg } from '../../cli/flags/batch-flags.ts';
import type { ShownBatch } from '../../core/batches/batches.ts';

export type BatchesShowResult = ShownBatch;

export default class BatchesShow extends BaseCommand {
  static override summary = 'Show a batch, and how many of its tasks have each status.';
  static override description = 'Each count is exact up to 10,000; a higher one is shown as "10000+".';
  static override examples = ['<%= config.bin %> batches show 5', '<%= config.bin %> batches show 5 --json'];
  static override args = { batch_id: batchIdArg({ required: true }) };

  async run(): Promise<BatchesShowResult> {
    const { args } = await this.parse(BatchesShow);
    return this.withContext(async (context) => {
      const { showBatch } = await import('../../core/batches/batches.ts');
      const { renderBatch } = await import('../../cli/render/batch.ts');
      const batch = await showBatch(context, args.batch_id);
      this.log(renderBatch(batch));
      return batch;
    });
  }
}
