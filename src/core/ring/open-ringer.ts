import type { Config } from '../config/config-schema.ts';
import { DEFAULT_POLICY, type PlacementPolicy } from '../domain/placement/policy.ts';
import { FleetView } from './fleet-view.ts';
import { isLoopback } from './ring-socket.ts';
import { Ringer, type RingerOptions } from './ringer.ts';

/** `localAddress`: this end of the socket to the database; undefined = a Unix socket, so the database is on this machine. */
export function openRinger(
  config: Config,
  localAddress: string | undefined,
  options: Omit<RingerOptions, 'view' | 'enabled' | 'policy'> = {},
): Ringer {
  const view = new FleetView({ loopback: localAddress === undefined || isLoopback(localAddress) });
  return new Ringer({ view, enabled: config.worker.ring.enabled, policy: () => policyOf(config), ...options });
}

function policyOf(config: Config): PlacementPolicy {
  return { ...DEFAULT_POLICY, ...config.load_balancer };
}
