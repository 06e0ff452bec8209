import { Flags } from '@oclif/core';
import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { openShell } from '../../core/server/client-shell.ts';
import { hostFrom } from '../../core/server/host.ts';

export interface DbShellResult {
  /** Exit code of the client, and of this command. */
  exit_code: number;
  /** Output of the client; only with --json, which needs --execute. */
  output?: string;
}

export default class DbShell extends BaseCommand {
  static override summary = "Open the mariadb or mysql client on this project's private server.";
  static override examples = [
    '<%= config.bin %> db shell',
    '<%= config.bin %> db shell --execute "SELECT COUNT(*) FROM af_crawl_task"',
    '<%= config.bin %> db shell < statements.sql',
  ];
  static override flags = {
    ...dbFlags,
    execute: Flags.string({ char: 'e', summary: 'Run these SQL statements and exit.', helpValue: 'SQL' }),
  };

  async run(): Promise<DbShellResult> {
    const { flags } = await this.parse(DbShell);
    const capture = this.jsonEnabled();
    const { code, output } = await openShell(flags.dir, hostFrom(process), { execute: flags.execute, capture });
    this.exitWith(code);
    return { exit_code: code, ...(capture ? { output } : {}) };
  }
}
