// The calls by which a remote worker registers, lives and leaves.
import { type WaitAnswer, waitAnswer } from '../../../http/device-contract.ts';
import {
  type HeartbeatAnswer,
  heartbeatAnswer,
  type RegisterAnswer,
  registerAnswer,
  signOffAnswer,
} from '../../../http/device-life.ts';
import type { Beat, DeviceReadings } from '../../db/devices/heartbeat-device.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { LivenessSettings } from '../liveness-messages.ts';

export interface Waiting {
  free: number;
  without: string[];
  held: number;
}

export function registerCall(
  client: GatewayClient,
  settings: LivenessSettings,
  { deviceId, instanceToken, offlineForMs }: { deviceId: string; instanceToken: Buffer; offlineForMs: number },
): Promise<RegisterAnswer> {
  const body = {
    device_id: deviceId,
    device_name: settings.deviceName,
    device_type: 'worker',
    capabilities: settings.capabilities,
    max_concurrent_tasks: settings.slots,
    region: settings.region,
    labels: settings.labels,
    remote: true,
    instance_token: instanceToken.toString('hex'),
    heartbeat_interval: settings.heartbeatIntervalMs / 1000,
    version: settings.version,
    host_name: settings.hostName.slice(0, 255),
    pid: settings.pid,
    offline_for: offlineForMs / 1000,
  };
  // Repeatable, since the gateway knows the instance again.
  return client.call({ method: 'POST', path: 'devices/register', body, answer: registerAnswer, repeatable: true });
}

export function heartbeatCall(client: GatewayClient, beat: Beat, readings: DeviceReadings): Promise<HeartbeatAnswer> {
  const { cpu_usage, memory_usage, disk_usage, system_info } = readings;
  const body = {
    status: beat.status,
    system_info: { ...system_info, cpu_usage, memory_usage, disk_usage, active_tasks: beat.active_tasks },
    instance_token: beat.instance_token.toString('hex'),
    recent_claims: beat.recent_claims,
    over_limits: beat.over_limits.map((one) => one.slice(0, 500)),
    stuck: beat.stuck,
  };
  const path = `devices/${beat.device_id}/heartbeat`;
  return client.call({ method: 'POST', path, body, answer: heartbeatAnswer, repeatable: true });
}

export function waitCall(
  client: GatewayClient,
  { deviceId, instanceToken }: { deviceId: string; instanceToken: Buffer },
  ask: Waiting & { seconds: number; after: string | undefined; timeoutMs: number; signal: AbortSignal },
): Promise<WaitAnswer> {
  const query = new URLSearchParams({
    instance_token: instanceToken.toString('hex'),
    seconds: String(ask.seconds),
    free: String(ask.free),
    held: String(ask.held),
  });
  if (ask.without.length > 0) query.set('without', ask.without.join(',').slice(0, 4000));
  if (ask.after !== undefined) query.set('after', ask.after);
  const { timeoutMs, signal } = ask;
  const path = `devices/${deviceId}/wait?${query}`;
  return client.call({ method: 'GET', path, answer: waitAnswer, repeatable: false, timeoutMs, signal });
}

export async function signOffCall(client: GatewayClient, deviceId: string, instanceToken: Buffer): Promise<void> {
  const body = { instance_token: instanceToken.toString('hex') };
  const path = `devices/${deviceId}/sign-off`;
  await client.call({ method: 'POST', path, body, answer: signOffAnswer, repeatable: true });
}
