import { isTransient } from '../../db/database-error.ts';
import { AfdError } from '../../domain/errors.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { monotonic } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/loop.ts';
import type { LivenessSettings } from '../liveness-messages.ts';
import { registerCall } from './device-calls.ts';

/** An earlier process of the device may be gone without its gateway having noticed. */
const TAKEOVER_MS = 10_000;
/** One that may be offline for long keeps its id for as long as its last heartbeat is fresh; then this much is added. */
const MORE_MS = 5000;
/** Candidates where the id was not given: <hostname>, <hostname>-2, … */
const MOST_SUFFIXES = 99;

export interface RemoteIdentity {
  deviceId: string;
  instanceToken: Buffer;
}

/**
 * Registers a device with a gateway; waits for one that does not answer, for `waitDatabaseMs`. Returns what the gateway said, and
 * the monotonic time before it was asked. @throws AfdError E_DEVICE_RUNNING; DatabaseError
 */
export async function registerRemotely(
  client: GatewayClient,
  settings: LivenessSettings,
  instanceToken: Buffer,
  signal: AbortSignal,
): Promise<RemoteIdentity & { at: number; answer: Awaited<ReturnType<typeof registerCall>> }> {
  const began = monotonic();
  const backoff = new Backoff({ initialMs: 100, maxMs: 1000 });
  const offlineForMs = settings.gateway?.offlineForMs ?? 0;
  const takeoverMs = offlineForMs > 0 ? settings.heartbeatTimeoutMs + MORE_MS : TAKEOVER_MS;
  for (let suffix = 1; ; ) {
    const deviceId = suffix === 1 ? settings.deviceId : `${settings.deviceId}-${suffix}`;
    const at = monotonic();
    try {
      const answer = await registerCall(client, settings, { deviceId, instanceToken, offlineForMs });
      return { deviceId, instanceToken, at, answer };
    } catch (error) {
      const running = error instanceof AfdError && error.code === 'E_DEVICE_RUNNING';
      if (running && settings.tryNext && suffix < MOST_SUFFIXES) {
        suffix += 1;
        continue;
      }
      const until = began + (running ? takeoverMs : settings.waitDatabaseMs);
      if (!(running || isTransient(error)) || monotonic() >= until) throw error;
      await sleep(backoff.next(), signal);
      if (signal.aborted) throw error;
    }
  }
}
