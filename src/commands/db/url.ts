import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { serverUrl } from '../../core/server/embedded-server.ts';
import { hostFrom } from '../../core/server/host.ts';

export interface DbUrlResult {
  url: string;
}

export default class DbUrl extends BaseCommand {
  static override summary = "Print the mysql:// URL of this project's private server, with its password.";
  static override description =
    'Use it to set AFD_DATABASE_URL. Commands that run in the project folder find the server without it.';
  static override examples = ['AFD_DATABASE_URL="$(<%= config.bin %> db url)" <%= config.bin %> worker'];
  static override flags = { ...dbFlags };

  async run(): Promise<DbUrlResult> {
    const { flags } = await this.parse(DbUrl);
    const url = await serverUrl(flags.dir, hostFrom(process));
    this.log(url);
    return { url };
  }
}
