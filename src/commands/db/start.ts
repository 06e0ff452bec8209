import { BaseCommand } from '../../cli/base-command.ts';
import { dbFlags } from '../../cli/flags/db-flags.ts';
import { withProgress } from '../../cli/progress.ts';
import { type StartedServer, startServer } from '../../core/server/embedded-server.ts';
import { hostFrom } from '../../core/server/host.ts';

export type DbStartResult = Omit<StartedServer, 'url'>;

export default class DbStart extends BaseCommand {
  static override summary = 'Start a private MySQL or MariaDB server for this project.';
  static override description =
    `Use it if you have no MySQL server yet. It finds mariadbd or mysqld; on Debian and Ubuntu it installs the programs (without a service) if none is found and this user may install packages. The server listens only on a Unix socket and the loopback interface, stores its data durably in .afd/mysql, and keeps running after this terminal closes. If the server is already running, the command changes nothing.`;
  static override examples = [
    '<%= config.bin %> db start',
    '<%= config.bin %> db start && <%= config.bin %> migrate up',
  ];
  static override flags = { ...dbFlags };

  async run(): Promise<DbStartResult> {
    const { flags } = await this.parse(DbStart);
    const plain = (text: string) => this.logToStderr(text);
    const { url: _secret, ...result } = await withProgress(
      'Starting a private server',
      { quiet: this.jsonEnabled(), plain, keep: true },
      ({ say }) => startServer({ dir: flags.dir, host: hostFrom(process), say }),
    );
    const verb = result.started ? 'Started' : 'Already running:';
    this.log(`${verb} ${result.kind} on 127.0.0.1:${result.port}, pid ${result.pid}, data in ${result.data_dir}`);
    this.log('To print its URL with the password: afd db url');
    if (result.created) this.log('Next: afd migrate');
    return result;
  }
}
