import { BaseCommand } from '../../cli/base-command.ts';
import type { ConfigView } from '../../core/settings/config-view.ts';

export type ConfigShowResult = ConfigView;

export default class ConfigShow extends BaseCommand {
  static override summary = 'Show every configuration key with its value and its origin.';
  static override description =
    'Fleet-wide settings are shown as stored in the database, together with the local value. If no database is configured or it cannot be reached, the local values are shown. Secrets are masked.';

  static override examples = ['<%= config.bin %> config show', '<%= config.bin %> config show --json'];

  async run(): Promise<ConfigShowResult> {
    await this.parse(ConfigShow);
    const { view, told } = await this.#view();
    for (const warning of view.warnings) if (!told.includes(warning)) this.note(warning);
    const { renderConfig } = await import('../../cli/render/config.ts');
    this.log(renderConfig(view, await this.renderOptions()));
    return view;
  }

  /** `told`: warnings that `withContext` has already printed. */
  async #view(): Promise<{ view: ConfigView; told: string[] }> {
    const [{ resolveConfig }, { showConfig, viewConfig }] = await Promise.all([
      import('../../core/config/load-config.ts'),
      import('../../core/settings/config-view.ts'),
    ]);
    const resolved = await resolveConfig(this.loadOptions());
    const { database } = resolved;
    if (database === undefined) return { view: viewConfig(resolved), told: [] };
    const view = await this.withContext(showConfig, { resolved: { ...resolved, database } });
    return { view, told: resolved.remarks };
  }
}
