// The calls of a remote worker but for its waits: each is what a worker with its own connection does with a statement. Writes are
// fenced by claim tokens; what asks for new work, by the instance token.
import type {
  ExchangeAnswer,
  ExchangeBody,
  StartsBody,
  WireFinish,
  WireReconciled,
  WireTask,
} from '../../../http/device-contract.ts';
import type { HeartbeatAnswer, HeartbeatBody } from '../../../http/device-life.ts';
import { claimedPayload } from '../../db/attempts/claimed-payload.ts';
import { flushStarts } from '../../db/attempts/flush-starts.ts';
import { materializeOwnClaims } from '../../db/attempts/materialize-attempts.ts';
import { recoverClaims } from '../../db/attempts/recover-claims.ts';
import { signOffBehindGateway } from '../../db/gateway/sign-off.ts';
import type { Session } from '../../db/session.ts';
import { ringForEnds } from '../requests/ring-for-ends.ts';
import { expected, type GatewayDevice } from './gateway-device.ts';
import type { RemoteDevices } from './remote-devices.ts';
import { bytes, claimOf, finishesOf, reconciledOf, wireOpen, wireTask } from './wire/wire.ts';

interface Claim {
  task_id: number;
  claim_token: string;
}

export class DeviceCalls {
  readonly #devices: RemoteDevices;

  constructor(devices: RemoteDevices) {
    this.#devices = devices;
  }

  /** Ends, and a claim, in one transaction. @throws AfdError E_SUPERSEDED, E_USAGE; DatabaseError */
  async exchange(deviceId: string, body: ExchangeBody): Promise<ExchangeAnswer> {
    const { claims, requests, registry } = this.#devices;
    const device = await this.#caller(deviceId, body.instance_token);
    const finishes = finishesOf(body.finishes);
    const claim = body.claim === undefined ? undefined : claimOf(body.claim);
    if (claim !== undefined) await expected(device);
    return requests.use(async (context) => {
      const session = await context.session();
      const { permission, reconciled, claimed, more } = await claims.exchange(session, device, { finishes, claim });
      if (permission === 'superseded' || permission === 'missing') registry.forget(device);
      if (claim !== undefined) device.running = Math.max(0, device.slots - claim.free + claimed.length);
      void ringForEnds(requests, reconciled);
      return {
        permission,
        reconciled: reconciledOf(finishes, reconciled),
        claimed: claimed.map(wireTask),
        more,
      };
    });
  }

  /** @throws AfdError E_SUPERSEDED, E_NOT_FOUND; DatabaseError */
  async heartbeat(deviceId: string, body: HeartbeatBody): Promise<HeartbeatAnswer> {
    const { heartbeats, registry, settings, keeper } = this.#devices;
    const { instance_token: token, system_info } = body;
    const device =
      token === undefined ? await registry.plain(deviceId) : await registry.instance(deviceId, bytes(token));
    keeper.touch(device);
    const { cpu_usage = null, memory_usage = null, disk_usage = null, active_tasks = 0, ...others } = system_info;
    const { status, recent_claims, over_limits, stuck } = body;
    device.running = active_tasks + stuck.length;
    const info = Object.keys(others).length === 0 ? null : others;
    const readings = { cpu_usage, memory_usage, disk_usage, system_info: info };
    const answer = await heartbeats.beat(device, { status, active_tasks, recent_claims, over_limits, stuck, readings });
    const { operator_state, status: stored } = answer.device;
    return {
      device_id: device.id,
      device: { operator_state, status: stored },
      open: wireOpen(answer.open),
      settings: settings.rows.map(({ name, value }) => ({ name, value })),
      now: answer.now,
    };
  }

  /** What these claims hold, unbegun and open. @throws AfdError E_SUPERSEDED; DatabaseError */
  async recover(deviceId: string, token: string, tokens: string[]): Promise<Array<WireTask & { claim_token: string }>> {
    const device = await this.#caller(deviceId, token);
    const found = await this.#with((session) =>
      recoverClaims(session, this.#devices.context.names, device.id, tokens.map(bytes)),
    );
    const { deadline_slack, task_timeout } = this.#devices.context.config.master;
    return found.map((one) => ({
      ...wireTask({ ...one, lease_s: task_timeout + deadline_slack, deferred: one.assignment_id === null }),
      claim_token: one.claim_token.toString('hex'),
    }));
  }

  /** @throws DatabaseError */
  async starts({ deferred, starts }: StartsBody) {
    const { names } = this.#devices.context;
    return this.#with(async (session) => ({
      materialized: deferred.length === 0 ? [] : await materializeOwnClaims(session, names, deferred.map(tokened)),
      lost: await flushStarts(session, names, starts.map(tokened)),
    }));
  }

  /** @throws DatabaseError */
  async payload(claim: Claim): Promise<{ held: boolean; task_data: string | null }> {
    const text = await this.#with((session) => claimedPayload(session, this.#devices.context.names, tokened(claim)));
    return { held: text !== undefined, task_data: text ?? null };
  }

  /** Ends of an earlier process, by claim tokens alone. @throws AfdError E_USAGE; DatabaseError */
  async deliver(deviceId: string, token: string, list: WireFinish[]): Promise<WireReconciled[]> {
    const finishes = finishesOf(list);
    const earlier = { id: deviceId, token: bytes(token) };
    return this.#devices.requests.use(async (context) => {
      const session = await context.session();
      const reconciled = await this.#devices.claims.finish(session, earlier, finishes);
      void ringForEnds(this.#devices.requests, reconciled);
      return reconciledOf(finishes, reconciled);
    });
  }

  /** False = another instance owns the id. @throws DatabaseError */
  async signOff(deviceId: string, token: string): Promise<boolean> {
    const { registry, context } = this.#devices;
    const own = registry.known(deviceId);
    if (own?.token.equals(bytes(token)) === true) registry.forget(own);
    return this.#with((session) => signOffBehindGateway(session, context.names, deviceId, bytes(token)));
  }

  async #caller(deviceId: string, token: string): Promise<GatewayDevice> {
    const device = await this.#devices.registry.instance(deviceId, bytes(token));
    this.#devices.keeper.touch(device);
    return device;
  }

  #with<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#devices.requests.use(async (context) => work(await context.session()));
  }
}

function tokened<T extends { claim_token: string }>(one: T): Omit<T, 'claim_token'> & { claim_token: Buffer } {
  return { ...one, claim_token: bytes(one.claim_token) };
}
