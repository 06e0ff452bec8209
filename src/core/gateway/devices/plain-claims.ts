// Claims of plain clients: those that arrive together, for devices of one kind, are one transaction.
import type { RequestContexts } from '../requests/request-contexts.ts';
import { Together } from '../requests/together.ts';
import type { PlainClaim } from './claim-plans.ts';
import type { DeviceClaims, ExchangeResult } from './device-claims.ts';
import type { DeviceKind } from './device-kind.ts';

/** Calls of one transaction. */
const MOST_CALLS = 64;
/** More tasks are worth a transaction of their own. */
const FEW_TASKS = 20;

/** A call of a client, which may have gone meanwhile. */
export interface PlainCall extends PlainClaim {
  closed: AbortSignal;
}

const NOTHING: ExchangeResult = { permission: 'not-asked', reconciled: [], claimed: [], more: false };

export class PlainClaims {
  readonly #requests: RequestContexts;
  readonly #claims: DeviceClaims;
  readonly #byKind = new WeakMap<DeviceKind, Together<PlainCall, ExchangeResult>>();

  constructor(requests: RequestContexts, claims: DeviceClaims) {
    this.#requests = requests;
    this.#claims = claims;
  }

  /** @throws DatabaseError */
  claim(call: PlainCall): Promise<ExchangeResult> {
    const { device, limit } = call;
    return limit > FEW_TASKS || this.#claims.apart(device) ? this.#alone(call) : this.#of(device.kind).add(call);
  }

  #of(kind: DeviceKind): Together<PlainCall, ExchangeResult> {
    let together = this.#byKind.get(kind);
    if (together === undefined) {
      together = new Together({
        together: (calls) => this.#together(calls),
        alone: (call) => this.#alone(call),
        most: MOST_CALLS,
      });
      this.#byKind.set(kind, together);
    }
    return together;
  }

  async #together(calls: PlainCall[]): Promise<Array<ExchangeResult | undefined>> {
    return this.#requests.use(async (context) => {
      // They may have waited for a session.
      const open = calls.filter((one) => !one.closed.aborted);
      if (open.length === 0) return calls.map(() => NOTHING);
      const results = await this.#claims.claimTogether(await context.session(), open);
      return calls.map((one) => {
        const at = open.indexOf(one);
        return at === -1 ? NOTHING : results[at];
      });
    });
  }

  #alone({ device, claim_token, limit, closed }: PlainCall): Promise<ExchangeResult> {
    return this.#requests.use(async (context) => {
      if (closed.aborted) return NOTHING;
      const room = { now: limit, later: 0, defer: false };
      const types = new Map(device.kind.types.map((type) => [type, room]));
      const asked = { finishes: [], claim: { claim_token, limit, free: limit, types } };
      return this.#claims.exchange(await context.session(), device, asked);
    });
  }
}
