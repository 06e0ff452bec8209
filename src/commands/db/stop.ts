import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { stopServer } from '../../core/server/embedded-server.ts';
import { hostFrom } from '../../core/server/host.ts';

export interface DbStopResult {
  /** False if no server was running. */
  stopped: boolean;
  pid: number | null;
  /** True if it was killed because it did not stop within a minute. */
  killed: boolean;
}

export default class DbStop extends BaseCommand {
  static override summary = "Stop this project's private server and keep its data.";
  static override description =
    'The command returns after the server process has ended. The exit code is 0 also if no server was running.';
  static override examples = ['<%= config.bin %> db stop'];
  static override flags = { ...dbFlags };

  async run(): Promise<DbStopResult> {
    const { flags } = await this.parse(DbStop);
    const ended = await stopServer(flags.dir, hostFrom(process));
    if (ended === undefined) this.log('No private server was running here.');
    else this.log(`Stopped pid ${ended.pid}${ended.killed ? ' (it had to be killed)' : ''}.`);
    return { stopped: ended !== undefined, pid: ended?.pid ?? null, killed: ended?.killed ?? false };
  }
}
