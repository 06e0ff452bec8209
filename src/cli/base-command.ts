// What all commands share: a context that is always closed, two output modes, and one way to report failures.
import { Command, Flags, type Interfaces } from '@oclif/core';
import type { LoadOptions, ResolvedConfig } from '../core/config/load-config.ts';
import type { Context, Purpose } from '../core/context/context.ts';
import type { KnownSecrets } from '../core/domain/redaction/known-secrets.ts';
import { escapeInJson } from '../core/log/terminal-text.ts';
import type { Failure } from './failure.ts';
import { printable } from './render/text.ts';

export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true;

  static override baseFlags = {
    config: Flags.string({
      char: 'c',
      helpGroup: 'GLOBAL',
      helpValue: 'FILE',
      summary: 'Configuration file (default: $AFD_CONFIG, ./afd.yaml, ~/.config/afd/afd.yaml, /etc/afd/afd.yaml).',
    }),
    'no-color': Flags.boolean({ helpGroup: 'GLOBAL', summary: 'Print without colour.' }),
  };

  /** Flags of this command that give a value of the configuration: flag → dotted key. Given, they win over all else. */
  static configFlags: Record<string, string> = {};

  /** It works without a database too, where a gateway is configured. */
  static remote = false;

  #flags: Record<string, unknown> = {};
  #resolved: Promise<ResolvedConfig> | undefined;
  /** Of the configuration, once it was read: nothing that is printed shows them. */
  #known: KnownSecrets | undefined;

  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const output = await super.parse<F, B, A>(options, argv);
    this.#flags = output.flags as Record<string, unknown>;
    return output;
  }

  /** Opens the context after `parse`, hands it over, and closes it however `work` ends. */
  protected async withContext<T>(
    work: (context: Context) => Promise<T>,
    options: { purpose?: Purpose; resolved?: ResolvedConfig } = {},
  ): Promise<T> {
    const purpose = options.purpose ?? 'command';
    const resolved = options.resolved ?? (await this.loadConfig());
    const { openContext } = await import('../core/context/context.ts');
    const { logOutput } = await import('./output.ts');
    const { roleOfCommand } = await import('./role-of-command.ts');
    const role = purpose === 'command' ? roleOfCommand(this.id ?? '') : undefined;
    const context = openContext(resolved, {
      purpose,
      role,
      known: this.#known,
      logTo: logOutput(resolved.config.log.format),
    });
    if (purpose === 'command' || purpose === 'migrate') for (const remark of resolved.remarks) this.note(remark);
    try {
      return await work(context);
    } finally {
      await context.close();
    }
  }

  /** The configuration with this command's flags on top, read once: it may come by a pipe. @throws AfdError E_CONFIG */
  protected loadConfig(): Promise<ResolvedConfig> {
    const { remote } = this.ctor as typeof BaseCommand;
    this.#resolved ??= import('../core/config/load-config.ts').then(async ({ loadConfig }) => {
      const resolved = await loadConfig({ ...this.loadOptions(), remote });
      const { knownSecrets } = await import('../core/context/known-secrets.ts');
      this.#known = knownSecrets(resolved);
      return resolved;
    });
    return this.#resolved;
  }

  /** For commands that work without a database (`resolveConfig` of core/config/load-config.ts). */
  protected loadOptions(): LoadOptions {
    const { configFlags } = this.ctor as typeof BaseCommand;
    const file = this.#flags.config;
    return {
      file: typeof file === 'string' ? file : undefined,
      env: process.env,
      cwd: process.cwd(),
      uid: process.getuid?.(),
      flags: Object.entries(configFlags).map(([flag, key]) => ({ flag: `--${flag}`, key, value: this.#flags[flag] })),
      embeddedUrl: async (dir) => {
        const { embeddedServerUrl } = await import('../core/server/embedded-url.ts');
        return embeddedServerUrl(`${dir}/.afd`, process.getuid?.());
      },
    };
  }

  /** A warning on stderr in both output modes; stdout is reserved for the result. */
  protected note(message: string): void {
    process.stderr.write(`Warning: ${printable(this.#shown(message))}\n`);
  }

  /** stdout gets a text that is shown once; `commands`: to try if it was lost there. */
  protected async logOnce(text: string, commands: string[]): Promise<void> {
    const { ifOutputIsLost } = await import('./output.ts');
    ifOutputIsLost({ commands });
    this.log(text);
  }

  /** The command did its work, and reports the outcome by this exit code (the result is still printed). */
  protected exitWith(code: number): void {
    process.exitCode = code;
  }

  /** Whether this stream gets colour, for `colours()` of cli/render/colour.ts. */
  protected async colour(stream: NodeJS.WriteStream = process.stdout): Promise<boolean> {
    const { wantsColour } = await import('./render/colour.ts');
    return wantsColour(stream, process.env, this.argv.includes('--no-color'));
  }

  /** What a renderer needs to know about stdout. */
  protected async renderOptions(): Promise<{ colour: boolean; width: number }> {
    const { tableWidth } = await import('./render/table.ts');
    return { colour: await this.colour(), width: tableWidth(process.stdout) };
  }

  /** False = the exit code is enough, and no message is printed. With --json the error is printed anyway. */
  protected isTold(_failure: Failure): boolean {
    return true;
  }

  protected override async catch(error: Error & { code?: string }): Promise<void> {
    if (error.code === 'EEXIT') throw error;
    const { failureOf } = await import('./failure.ts');
    const command = [this.config.bin, ...(this.id ?? '').split(':')].join(' ');
    const flags = Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags, json: true, help: true });
    const failure = failureOf(error, { command, flags }, this.#known);
    // Repeating the same command helps only if the error is temporary.
    const typed = [command, ...this.argv.filter((word) => word !== '--json')].join(' ');
    const others = failure.suggestions.filter((one) => one !== typed);
    if (failure.code !== 'E_TEMPORARY') failure.suggestions = others.length > 0 ? others : [`${command} --help`];
    const { exitCode, ...shown } = failure;
    process.exitCode = exitCode;
    if (process.env.DEBUG && error.stack !== undefined) {
      const { redactText } = await import('../core/log/redact.ts');
      process.stderr.write(`${redactText(error.stack, { mask: this.#known?.mask })}\n`);
    }
    const { renderFailure } = await import('./print-failure.ts');
    if (this.jsonEnabled()) {
      const { ifOutputIsLost } = await import('./output.ts');
      ifOutputIsLost({ failure: renderFailure(failure, false) });
      this.logJson({ error: shown });
      return;
    }
    if (this.isTold(failure)) {
      process.stderr.write(renderFailure(failure, await this.colour(process.stderr)));
    }
    // Text mode ends in oclif's own handler: it must print nothing more, and exit with our code.
    throw Object.assign(error, { oclif: { exit: exitCode }, skipOclifErrorHandling: true });
  }

  override log(message = '', ...rest: unknown[]): void {
    super.log(this.#shown(message), ...rest);
  }

  override logJson(json: unknown): void {
    const shown = (_key: string, value: unknown) => (typeof value === 'string' ? this.#shown(value) : value);
    process.stdout.write(`${escapeInJson(JSON.stringify(json, shown, 2))}\n`);
  }

  #shown(text: string): string {
    return this.#known?.mask?.apply(text) ?? text;
  }
}
