import { refuseFlagsOfOthers, startConfigFlags, startFlags } from '../cli/flags/start-flags.ts';
import { noMode } from '../cli/flags/start-mode.ts';
import { GatewayCommand, type MasterRun } from '../cli/gateway/gateway-command.ts';
import type { LeaderRun, WorkerRun } from '../cli/node-command.ts';

export type StartResult = LeaderRun | MasterRun | WorkerRun;

export default class Start extends GatewayCommand {
  static override summary = 'Start this node in its configured mode.';

  static override description =
    'Mode "master" runs the node like "afd leader", together with a gateway if any key of "server" is set or --host, --port or --workers is given; when one ends, the other ends too. Mode "worker" runs it like "afd worker". The mode is read from --mode, then from DISTRIBUTION_MODE, then from "mode" in the configuration file. With "enabled: false" the command refuses to start.';

  static override examples = [
    '<%= config.bin %> start',
    '<%= config.bin %> start --mode worker --slots 10',
    '<%= config.bin %> start --mode master --port 8000',
    '<%= config.bin %> start --mode worker --master-host 192.168.1.10',
  ];

  static override flags = startFlags;

  static override remote = true;

  static override configFlags = startConfigFlags;

  async run(): Promise<StartResult> {
    const { flags } = await this.parse(Start);
    const resolved = await this.loadConfig();
    const { mode } = resolved.config;
    if (mode === undefined) throw noMode();
    refuseFlagsOfOthers(mode, flags);
    const limits = { maxTimeS: flags['max-time'], waitDatabaseS: flags['wait-database'] };
    if (mode === 'worker') return this.runWorker(flags.once ? 'once' : flags.drain ? 'drain' : 'forever', limits);
    if (flags.once || !this.servesToo(resolved)) return this.runLeader({ once: flags.once, ...limits });
    return this.runMaster(limits);
  }
}
