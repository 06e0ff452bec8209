import { exchangeAnswer, type WireFinish, waitAnswer } from '../../../http/device-contract.ts';
import type { GatewayClient } from '../../remote/gateway-client.ts';
import type { Freed, HeldHostage } from '../blocked-claims.ts';
import type { WorkSession } from '../liveness-messages.ts';
import type { PulseBoard } from '../pulse-board.ts';

/**
 * Releases attempts that have not begun, as far as they have rows, while the main thread of a remote worker is blocked. The board
 * is closed, so nothing begins meanwhile. Deferred claims wait for the main thread: they are short, and few.
 */
export class RemoteHostages implements HeldHostage {
  work: WorkSession | undefined;
  readonly #client: GatewayClient;
  readonly #board: PulseBoard;

  constructor(client: GatewayClient, board: PulseBoard) {
    this.#client = client;
    this.#board = board;
  }

  async free(
    { deviceId, instanceToken }: { deviceId: string; instanceToken: Buffer },
    _now: number,
    goOn: () => boolean,
  ): Promise<Freed> {
    const none = { released: 0, materialized: 0 };
    const begun = this.#board.begun();
    if (begun === undefined) return none;
    const token = instanceToken.toString('hex');
    const query = new URLSearchParams({ instance_token: token, seconds: '0', held: '1' });
    const read = { method: 'GET', path: `devices/${deviceId}/wait?${query}`, answer: waitAnswer } as const;
    const { open = [] } = await this.#client.call({ ...read, repeatable: true });
    const tasks = new Set(begun.map((one) => one.task_id));
    const finishes: WireFinish[] = open
      .filter((one) => !tasks.has(one.task_id))
      .map(({ task_id, assignment_id, claim_token }) => ({
        ...{ task_id, task_type: '', attempt: 0, assignment_id, claim_token, age_ms: null },
        outcome: { kind: 'released', cause: 'blocked' },
      }));
    if (finishes.length === 0 || !goOn()) return none;
    const body = { instance_token: token, finishes };
    const path = `devices/${deviceId}/exchange`;
    const call = { method: 'POST', path, body, answer: exchangeAnswer, repeatable: true } as const;
    const { reconciled } = await this.#client.call(call);
    return { released: reconciled.filter((one) => one.kind === 'accepted').length, materialized: 0 };
  }
}
