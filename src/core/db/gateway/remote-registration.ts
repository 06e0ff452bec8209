/** A device row as a gateway writes it. `null` = the device did not say. */
export interface RemoteRegistration {
  device_id: string;
  device_name: string;
  device_type: 'worker' | 'master';
  ip_address: string;
  port: number;
  capabilities: Record<string, unknown>;
  max_concurrent_tasks: number;
  region: string | null;
  labels: Record<string, string> | null;
  /** Of afd in a remote worker; null = a plain client. */
  version: string | null;
  host_name: string | null;
  pid: number | null;
  /** Milliseconds. */
  heartbeat_interval: number | null;
  /** Seconds. */
  offline_for: number | null;
  gateway_id: string;
  /** Of a remote worker its own; of a plain client one to use if the row has none. */
  instance_token: Buffer;
  lease_s: number;
  heartbeat_timeout_s: number;
}

export type TakenId =
  /** Another process uses the id. */
  | { kind: 'running' }
  | {
      kind: 'taken';
      instance_token: Buffer;
      /** The instance that had it before, registering once more. */
      same: boolean;
      /** Some instance had it before. */
      former: boolean;
      operator_state: string;
      /** As it was written. */
      lease_until: string;
      now: string;
    };
