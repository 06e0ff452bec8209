import { waitDatabaseFlag } from '../cli/flags/flags.ts';
import { serverConfigFlags, serverFlags } from '../cli/flags/server-flags.ts';
import { GatewayCommand } from '../cli/gateway/gateway-command.ts';
import type { GatewayResult } from '../gateway/run-gateway.ts';

export type GatewayCommandResult = GatewayResult;

export default class Gateway extends GatewayCommand {
  static override summary = 'Serve the HTTP API, for remote workers and other programs.';

  static override description =
    'A gateway keeps no state: run as many as you like, on any node. It calls the same core as the commands, and needs access to the database. It listens on this machine only, unless server.auth is keys and it has a certificate or a trusted proxy. On SIGTERM or Ctrl-C it accepts nothing more, answers what is under way within worker.shutdown_timeout, then exits with 0. A second signal cuts what is left.';

  static override examples = [
    '<%= config.bin %> gateway',
    '<%= config.bin %> gateway --port 8001',
    '<%= config.bin %> gateway --workers 4',
  ];

  static override flags = { ...serverFlags, 'wait-database': waitDatabaseFlag };

  static override configFlags = serverConfigFlags;

  async run(): Promise<GatewayCommandResult> {
    const { flags } = await this.parse(Gateway);
    return this.runGateway({ waitDatabaseS: flags['wait-database'] });
  }
}
