import { BaseCommand } from '../../cli/base-command.ts';
import { batchIdArg } from '../../cli/flags/batch-flags.ts';
import type { SealedBatch } from '../../core/batches/batches.ts';

export type BatchesSealResult = SealedBatch;

export default class BatchesSeal extends BaseCommand {
  static override summary = 'Seal a batch: no more tasks can be added to it.';
  static override description =
    'A sealed batch ends when none of its tasks is pending, waiting, assigned or running. A batch without tasks ends at once.';
  static override examples = ['<%= config.bin %> batches seal 5'];
  static override args = { batch_id: batchIdArg({ required: true }) };

  async run(): Promise<BatchesSealResult> {
    const { args } = await this.parse(BatchesSeal);
    return this.withContext(async (context) => {
      const { seal } = await import('../../core/batches/batches.ts');
      const sealed = await seal(context, args.batch_id);
      this.log(sealed.already ? `Batch ${sealed.batch_id} was sealed before.` : `Batch ${sealed.batch_id} is sealed.`);
      return sealed;
    });
  }
}
