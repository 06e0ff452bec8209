import type { Config } from '../config/config-schema.ts';
import { DEFAULT_POLICY, type PlacementPolicy } from '../domain/placement/policy.ts';
import { FleetView } from './fleet-view.ts';
import { RingSender, type RingSenderOptions } from './ring-sender.ts';
import { isLoopback } from './ring-socket.ts';

/** `localAddress`: this end of the socket to the database; undefined = a Unix socket, so the database is on this machine. */
export function openRingSender(
  config: Config,
  localAddress: string | undefined,
  options: Omit<RingSenderOptions, 'view' | 'enabled' | 'policy'> = {},
): RingSender {
  const view = new FleetView({ loopback: localAddress === undefined || isLoopback(localAddress) });
  return new RingSender({ view, enabled: config.worker.ring.enabled, policy: () => policyOf(config), ...options });
}

function policyOf(config: Config): PlacementPolicy {
  return { ...DEFAULT_POLICY, ...config.load_balancer };
}
