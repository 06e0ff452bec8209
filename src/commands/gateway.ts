import { Flags } from '@oclif/core';
import { waitDatabaseFlag } from '../cli/flags/flags.ts';
import { GatewayCommand } from '../cli/gateway-command.ts';
import type { GatewayResult } from '../gateway/run-gateway.ts';

export type GatewayCommandResult = GatewayResult;

export default class Gateway extends GatewayCommand {
  static override summary = 'Serve the HTTP API, for remote workers and other programs.';

  static override description =
    'A gateway keeps no state: run as many as you like, on any node. It calls the same core as the commands, and needs access to the database. On SIGTERM or Ctrl-C it answers what it has accepted, then exits with 0.';

  static override examples = ['<%= config.bin %> gateway', '<%= config.bin %> gateway --port 8001'];

  static override flags = {
    host: Flags.string({ helpValue: 'ADDRESS', summary: 'Address to listen on (server.host).' }),
    port: Flags.integer({ helpValue: 'PORT', min: 0, max: 65535, summary: 'Port to listen on (default: 8000).' }),
    'wait-database': waitDatabaseFlag,
  };

  static override configFlags = { host: 'server.host', port: 'server.port' };

  async run(): Promise<GatewayCommandResult> {
    const { flags } = await this.parse(Gateway);
    return this.runGateway({ waitDatabaseS: flags['wait-database'] });
  }
}
