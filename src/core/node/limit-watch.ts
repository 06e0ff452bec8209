import { limitReasons, nextLimitState, OPEN, type ResourceLimits } from '../domain/placement/resource-limits.ts';
import type { DeviceProbe } from './device-probe.ts';

/**
 * Compares this machine's own readings with its resource limits. `onChange` gets the reasons when the machine goes over
 * a limit or below it, and after the first reading.
 */
export class LimitWatch {
  /** Resource limits that the machine is over, in words. */
  overLimits: string[] = [];
  readonly #probe: Pick<DeviceProbe, 'refresh' | 'last'>;
  readonly #limits: ResourceLimits;
  readonly #onChange: (overLimits: string[]) => void;
  #state = OPEN;
  #known = false;

  constructor(
    probe: Pick<DeviceProbe, 'refresh' | 'last'>,
    limits: ResourceLimits,
    onChange: (overLimits: string[]) => void,
  ) {
    this.#probe = probe;
    this.#limits = limits;
    this.#onChange = onChange;
  }

  /** One reading and its judgement. */
  async check(): Promise<void> {
    await this.#probe.refresh();
    const before = this.#state.over_limits.join();
    this.#state = nextLimitState(this.#state, this.#probe.last, this.#limits);
    this.overLimits = limitReasons(this.#state, this.#limits);
    if (this.#known && this.#state.over_limits.join() === before) return;
    this.#known = true;
    this.#onChange(this.overLimits);
  }
}
