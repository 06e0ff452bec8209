import { hostname } from 'node:os';
import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { withProgress } from '../cli/progress.ts';
import type { BenchResult } from '../core/benchmark/benchmark.ts';

export default class Bench extends BaseCommand {
  static override summary = 'Measure what your database can do: adding, executing, latency.';
  static override description =
    `Works in a schema of its own, afd_scratch_…, or where the account may not create one in tables of that name, and removes it afterwards, also after Ctrl-C. Your tables are not touched, but the server does the work: not beside a busy fleet.

The workers are real ones in this one process, their handlers do nothing: more processes on more machines do more.`;
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
      summary: 'Tasks to be executed.',
    }),
    workers: Flags.integer({ default: 2, helpValue: 'N', max: 32, min: 1, summary: 'Workers.' }),
    slots: Flags.integer({ default: 10, helpValue: 'N', max: 1000, min: 1, summary: 'Tasks at once per worker.' }),
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
