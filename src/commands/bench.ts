import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { withProgress } from '../cli/progress.ts';
import type { BenchResult } from '../core/benchmark/benchmark.ts';

export default class Bench extends BaseCommand {
  static override summary = 'Measure how fast this database adds and executes tasks, and the start latency.';
  static override description =
    `Creates a scratch schema afd_scratch_…, or scratch tables with that prefix if the account may not create a schema, and removes it at the end, also after Ctrl-C. Your tables are not touched, but the measurement loads the server: do not run it against a server that a busy fleet is using.

The workers run in this one process with empty handlers; several machines will reach more.`;
  static override examples = [
    '<%= config.bin %> bench',
    '<%= config.bin %> bench --tasks 50000 --workers 4 --slots 50',
  ];
  static override flags = {
    tasks: Flags.integer({
      default: 10_000,
      helpValue: 'N',
      max: 1_000_000,
      min: 10,
      summary: 'Number of tasks to execute.',
    }),
    workers: Flags.integer({ default: 2, helpValue: 'N', max: 32, min: 1, summary: 'Number of workers.' }),
    slots: Flags.integer({ default: 10, helpValue: 'N', max: 1000, min: 1, summary: 'Concurrent tasks per worker.' }),
  };

  async run(): Promise<BenchResult> {
    const { flags } = await this.parse(Bench);
    const { shutdownSignals } = await import('../cli/shutdown.ts');
    const shutdown = shutdownSignals();
    try {
      return await this.withContext(
        async (context) => {
          const { bench } = await import('../core/benchmark/benchmark.ts');
          const facts = { hostname: hostname(), version: this.config.version };
          const plain = (text: string) => this.logToStderr(text);
          const result = await withProgress('Measuring', { quiet: this.jsonEnabled(), plain, keep: true }, ({ say }) =>
            bench(context, { ...flags, ...facts, stop: shutdown.drain, say }),
          );
          const { renderBench } = await import('../cli/render/benchmark.ts');
          this.log(renderBench(result, (await this.renderOptions()).width));
          return result;
        },
        { purpose: 'migrate' },
      );
    } finally {
      shutdown.dispose();
    }
  }
}
