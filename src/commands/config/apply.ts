import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { operator } from '../../cli/operator.ts';
import type { AppliedSettings } from '../../core/settings/apply-settings.ts';

export type ConfigApplyResult = AppliedSettings;

export default class ConfigApply extends BaseCommand {
  static override summary = "Publish this configuration's fleet-wide settings.";
  static override description =
    'The fleet-wide settings are master.heartbeat_timeout, task_timeout, max_retry_count and retry_backoff, load_balancer.strategy and weights, and the members of a replicated database (database.hosts). Only values set in the configuration file or by environment variables are written; defaults are not. Running nodes apply the new values with their next heartbeat.';

  static override examples = ['<%= config.bin %> config apply --dry-run', '<%= config.bin %> config apply'];

  static override flags = {
    'dry-run': Flags.boolean({ default: false, summary: 'Print the changes without writing them.' }),
  };

  async run(): Promise<ConfigApplyResult> {
    const { flags } = await this.parse(ConfigApply);
    const { applySettings } = await import('../../core/settings/apply-settings.ts');
    const applied = await this.withContext((context) =>
      applySettings(context, { dryRun: flags['dry-run'], by: operator(undefined) }),
    );
    for (const warning of applied.warnings) this.note(warning);
    const { renderApplied } = await import('../../cli/render/config.ts');
    this.log(renderApplied(applied));
    return applied;
  }
}
