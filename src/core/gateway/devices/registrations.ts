// A device registers: a plain client of the design document (5.1.1), or a remote worker.
import { randomBytes } from 'node:crypto';
import type { RegisterAnswer, RegisterBody } from '../../../http/device-life.ts';
import { registerBehindGateway } from '../../db/gateway/register-behind-gateway.ts';
import { utcToIso } from '../../db/rows.ts';
import { slotsOf } from '../../domain/slots.ts';
import { closeEarlierInstances } from '../../worker/earlier-instances.ts';
import { running } from './device-registry.ts';
import type { RemoteDevices } from './remote-devices.ts';
import { bytes } from './wire/wire.ts';

/** Of the table. */
const DEFAULT_SLOTS = 5;
/** What a remote worker is that does not say. */
const NO_VERSION = 'unknown';

/** `address`: where the request came from. @throws AfdError E_DEVICE_RUNNING; DatabaseError */
export async function registerDevice(
  devices: RemoteDevices,
  body: RegisterBody,
  address: string,
): Promise<RegisterAnswer> {
  const { config, names } = devices.context;
  const { heartbeat_timeout, max_retry_count, retry_backoff, lost_backoff } = config.master;
  const { device_id, remote, capabilities, heartbeat_interval: interval } = body;
  const offline_for = remote && body.offline_for > 0 ? Math.ceil(body.offline_for) : null;
  return devices.requests.use(async (context) => {
    const session = await context.session();
    const taken = await registerBehindGateway(session, names, {
      device_id,
      device_name: body.device_name ?? device_id,
      device_type: body.device_type,
      ip_address: body.ip_address ?? address,
      port: body.port ?? 0,
      capabilities,
      max_concurrent_tasks: body.max_concurrent_tasks ?? slotsOf(capabilities) ?? DEFAULT_SLOTS,
      region: body.region ?? null,
      labels: body.labels ?? null,
      version: remote ? (body.version ?? NO_VERSION) : null,
      host_name: body.host_name ?? null,
      pid: body.pid ?? null,
      heartbeat_interval: interval === undefined ? null : Math.round(interval * 1000),
      offline_for,
      gateway_id: devices.gatewayId,
      instance_token: body.instance_token === undefined ? randomBytes(16) : bytes(body.instance_token),
      lease_s: devices.keeper.leaseS({ offline_for: offline_for ?? 0 }),
      heartbeat_timeout_s: heartbeat_timeout,
    });
    if (taken.kind === 'running') throw running(device_id);
    const { instance_token: token, operator_state } = taken;
    if (taken.former && !taken.same) {
      const owner = { deviceId: device_id, instanceToken: token };
      const policy = { max_retry_count, retry_backoff, lost_backoff };
      if ((await closeEarlierInstances(session, names, owner, policy)) > 0) devices.reads.stale();
    }
    const [state] = await devices.registry.read(session, [device_id]);
    if (state !== undefined) {
      const device = devices.registry.take(state);
      devices.keeper.touch(device);
      devices.keeper.wrote(device, taken.lease_until, device.active_at);
    }
    return {
      device_id,
      status: 'online' as const,
      heartbeat_timeout,
      gateway: devices.gatewayId,
      now: utcToIso(taken.now) ?? '',
      ...(remote
        ? {
            instance_token: token.toString('hex'),
            server: session.facts.serverName,
            operator_state,
            settings: devices.settings.rows.map(({ name, value }) => ({ name, value })),
          }
        : {}),
    };
  });
}
