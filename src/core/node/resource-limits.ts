import { type Gates, gateReasons, hasGates, nextGates, OPEN } from '../domain/placement/gates.ts';
import type { DeviceProbe } from './device-probe.ts';

/**
 * Compares this machine's own readings with its gates, between the heartbeats too. Without gates it reads nothing.
 * `onChange` is told the reasons once: when a gate closes or opens, and after the first reading.
 */
export class GateKeeper {
  /** Gates that the machine is over, in words. */
  held: string[] = [];
  readonly #probe: Pick<DeviceProbe, 'refresh' | 'last'>;
  readonly #gates: Gates;
  readonly #onChange: (held: string[]) => void;
  #state = OPEN;
  #known = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(probe: Pick<DeviceProbe, 'refresh' | 'last'>, gates: Gates, onChange: (held: string[]) => void) {
    this.#probe = probe;
    this.#gates = gates;
    this.#onChange = onChange;
  }

  start(everyMs: number): void {
    if (!hasGates(this.#gates)) return;
    this.#timer = setInterval(() => void this.look(), everyMs);
    void this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One reading and its judgement. */
  async look(): Promise<void> {
    await this.#probe.refresh();
    const before = this.#state.held.join();
    this.#state = nextGates(this.#state, this.#probe.last, this.#gates);
    this.held = gateReasons(this.#state, this.#gates);
    if (this.#known && this.#state.held.join() === before) return;
    this.#known = true;
    this.#onChange(this.held);
  }
}
