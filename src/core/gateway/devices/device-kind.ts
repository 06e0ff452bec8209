import { type Capabilities, infeasibleReasons, type LaneRequirements } from '../../domain/eligibility.ts';

/** Answers that are kept of each kind. */
const MOST_KEPT = 5000;

/** Devices with the same capabilities: what one may run, all may. */
export class DeviceKind {
  readonly capabilities: Capabilities;
  readonly types: string[];
  readonly #able = new Map<string, boolean>();

  constructor(capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.types = capabilities.supported_tasks ?? [];
  }

  /** Whether they may run a lane. `key`: of the lane, where there is one; then the answer is kept. */
  accepts(lane: LaneRequirements, key?: string): boolean {
    const known = key === undefined ? undefined : this.#able.get(key);
    if (known !== undefined) return known;
    const able = infeasibleReasons(this.capabilities, lane).length === 0;
    if (this.#able.size >= MOST_KEPT) this.#able.clear();
    if (key !== undefined) this.#able.set(key, able);
    return able;
  }
}

/** The kinds that a gateway has met, by the text of their capabilities. */
export class DeviceKinds {
  readonly #kinds = new Map<string, DeviceKind>();
  readonly #onNew: () => void;

  constructor(onNew: () => void) {
    this.#onNew = onNew;
  }

  of(text: string, capabilities: Capabilities): DeviceKind {
    let kind = this.#kinds.get(text);
    if (kind === undefined) {
      kind = new DeviceKind(capabilities);
      this.#kinds.set(text, kind);
      this.#onNew();
    }
    return kind;
  }

  /** Keeps those that some device has. */
  keep(used: Set<DeviceKind>): void {
    for (const [text, kind] of this.#kinds) if (!used.has(kind)) this.#kinds.delete(text);
  }

  get types(): string[] {
    return [...new Set([...this.#kinds.values()].flatMap((one) => one.types))];
  }

  /** Some kind may run the lane. */
  accept(lane: LaneRequirements): boolean {
    return [...this.#kinds.values()].some((one) => one.accepts(lane));
  }
}
