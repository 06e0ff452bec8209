import type { z } from 'zod';
import {
  exchangeAnswer,
  payloadAnswer,
  recoverAnswer,
  startsAnswer,
  type TypeRoom,
} from '../../../http/device-contract.ts';
import type { Start } from '../../db/attempts/flush-starts.ts';
import type { MaterializedAttempt } from '../../db/attempts/materialize-attempts.ts';
import type { ClaimedTask } from '../../db/claim/claimed-task.ts';
import type { Finish } from '../../domain/attempt/reconcile.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import { reconciledOfWire, taskOfWire, wireFinish } from '../../remote/wire.ts';
import type { KeptEnds } from '../journal/kept-ends.ts';
import type { LateClaims } from './late-claims.ts';
import type { ExchangeResult, HeldClaim, PlannedClaim, RegisteredDevice, WorkPort } from './work-port.ts';

/** What is asked of a gateway: it knows the lanes, the worker knows its slots. */
export interface GatewayClaim extends PlannedClaim {
  /** Of these many can begin now. */
  free: number;
  types: Record<string, TypeRoom>;
}

export interface GatewayResult extends ExchangeResult {
  /** More seems to be due. */
  more: boolean;
}

export interface GatewayWorkOptions {
  client: GatewayClient;
  deviceId: string;
  instanceToken: Buffer;
  /** Ends that are not delivered are kept there. */
  kept: KeptEnds;
  /** Claims whose answer was lost. */
  late: LateClaims;
  /** What must be delivered before ends. @throws DatabaseError */
  before(): Promise<void>;
  /** Seconds for which the lease of each attempt is longer than that of a direct worker. */
  offlineForS: number;
}

/** Work over HTTP to a gateway. */
export class GatewayWork implements WorkPort<GatewayClaim, GatewayResult> {
  readonly #o: GatewayWorkOptions;
  readonly #token: string;
  /** Nothing has to be kept alive. */
  readonly keepAliveMs = 3_600_000;

  constructor(options: GatewayWorkOptions) {
    this.#o = options;
    this.#token = options.instanceToken.toString('hex');
  }

  /** There is nothing to open. */
  async ready(): Promise<void> {}

  async exchange(ends: Finish[], claim: GatewayClaim | undefined): Promise<GatewayResult> {
    const { kept, before } = this.#o;
    const body = { instance_token: this.#token, finishes: ends.map(wireFinish), claim: claim && wireClaim(claim) };
    const answer = await kept.during(ends, async () => {
      if (ends.length > 0) await before();
      return this.#call('exchange', exchangeAnswer, body, false);
    });
    const reconciled = ends.map((one, n) => reconciledOfWire(one, answer.reconciled[n]!));
    kept.delivered(reconciled);
    const { permission, more } = answer;
    return { reconciled, claimed: answer.claimed.map(taskOfWire), permission, more };
  }

  async recover(tokens: Buffer[]): Promise<Array<ClaimedTask & { claim_token: Buffer }>> {
    const { client, late } = this.#o;
    const found = await recoverCall(client, this.#o, tokens);
    late.note(tokens);
    return found;
  }

  async materialize(claims: HeldClaim[]): Promise<MaterializedAttempt[]> {
    const deferred = claims.map(wireHeld);
    return (await this.#call('starts', startsAnswer, { deferred, starts: [] })).materialized;
  }

  async begin(starts: Start[]): Promise<number[]> {
    const { offlineForS } = this.#o;
    const spelled = starts.map(({ claim_token, lease_s, age_ms, assignment_id }) => ({
      ...{ assignment_id, claim_token: hex(claim_token), lease_s: lease_s + offlineForS },
      age_ms: Math.max(0, age_ms),
    }));
    return (await this.#call('starts', startsAnswer, { deferred: [], starts: spelled })).lost;
  }

  async payload(claim: HeldClaim): Promise<string | null | undefined> {
    const { held, task_data } = await this.#call('payload', payloadAnswer, wireHeld(claim));
    return held ? task_data : undefined;
  }

  async keepAlive(): Promise<void> {}

  cut(): void {
    this.#o.client.cut();
  }

  #call<S extends z.ZodType>(path: string, answer: S, body: unknown, repeatable = true): Promise<z.output<S>> {
    const { client, deviceId } = this.#o;
    return client.call({ method: 'POST', path: `devices/${deviceId}/${path}`, body, answer, repeatable });
  }
}

/** What claims with these tokens hold, unbegun and open. @throws DatabaseError */
export async function recoverCall(
  client: GatewayClient,
  { deviceId, instanceToken }: RegisteredDevice,
  tokens: Buffer[],
): Promise<Array<ClaimedTask & { claim_token: Buffer }>> {
  const body = { instance_token: hex(instanceToken), tokens: tokens.map(hex) };
  const path = `devices/${deviceId}/recover`;
  const call = { method: 'POST', path, body, answer: recoverAnswer, repeatable: true } as const;
  const { claimed } = await client.call(call);
  return claimed.map((one) => ({ ...taskOfWire(one), claim_token: Buffer.from(one.claim_token, 'hex') }));
}

function wireClaim({ claim_token, limit, free, types }: GatewayClaim) {
  return { claim_token: hex(claim_token), limit, free, types };
}

export function wireHeld({ task_id, claim_token }: HeldClaim) {
  return { task_id, claim_token: hex(claim_token) };
}

function hex(token: Buffer): string {
  return token.toString('hex');
}
