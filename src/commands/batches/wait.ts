import { BaseCommand } from '../../cli/base-command.ts';
import { batchIdArg } from '../../cli/flags/batch-flags.ts';
import { durationFlag } from '../../cli/flags/flags.ts';
import type { ShownBatch } from '../../core/batches/batches.ts';

export type BatchesWaitResult = ShownBatch;

export default class BatchesWait extends BaseCommand {
  static override summary = 'Wait until a batch has ended.';
  static override description =
    'Exit code 0: all of its tasks are done. 8: a task failed or was cancelled. 7: it had not ended before the timeout. With --json the batch is printed in each case; with exit codes 8 and 7 it is in error.data.batch.';
  static override examples = ['<%= config.bin %> batches wait 5 --timeout 10m'];
  static override args = { batch_id: batchIdArg({ required: true }) };
  static override flags = {
    timeout: durationFlag({ summary: 'Give up after this time (default: wait indefinitely).' }),
  };

  async run(): Promise<BatchesWaitResult> {
    const { args, flags } = await this.parse(BatchesWait);
    return this.withContext(async (context) => {
      const { waitForBatch } = await import('../../core/batches/wait-for-batch.ts');
      const { renderBatch } = await import('../../cli/render/batch.ts');
      const batch = await waitForBatch(context, args.batch_id, flags.timeout);
      this.log(renderBatch(batch));
      return batch;
    });
  }
}
