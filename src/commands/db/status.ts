import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { type ServerStatus, serverStatus } from '../../core/server/embedded-server.ts';
import { hostFrom } from '../../core/server/host.ts';

export type DbStatusResult = ServerStatus;

export default class DbStatus extends BaseCommand {
  static override summary = "Show whether this project's private server is running.";
  static override description = 'Exit code 0: the server is running. 3: it is stopped, or was never created.';
  static override examples = ['<%= config.bin %> db status', '<%= config.bin %> db status --json'];
  static override flags = { ...dbFlags };

  async run(): Promise<DbStatusResult> {
    const { flags } = await this.parse(DbStatus);
    const status = await serverStatus(flags.dir, hostFrom(process));
    if (status.state === 'running') {
      this.log(`Running: ${status.kind} on 127.0.0.1:${status.port}, pid ${status.pid}, data in ${status.data_dir}`);
      return status;
    }
    this.log(status.state === 'stopped' ? `Stopped; data in ${status.data_dir}` : 'There is no private server here.');
    this.log('Try: afd db start');
    this.exitWith(3);
    return status;
  }
}
