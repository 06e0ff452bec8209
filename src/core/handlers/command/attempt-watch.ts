// What is watched of one attempt while its command runs: its limits, what it uses, and what it leaves outside its group.
import type { HandlerConfig } from '../../config/config-schema.ts';
import { spelledBytes } from '../../domain/byte-size.ts';
import type { Attempt } from '../handler.ts';
import { namesOf } from '../processes/leftovers.ts';
import { signalGroup } from '../processes/process-group.ts';
import type { TreeWatch } from '../processes/tree-sampler.ts';
import { attemptStamp } from '../processes/worker-stamp.ts';
import type { CommandHost } from './command-host.ts';
import type { CommandWatch } from './run-command.ts';

export interface Usage {
  /** Bytes; undefined = the command was too short for a sample, or there is no /proc. */
  peak_memory: number | undefined;
  /** Undefined where there is no /proc. */
  cpu_ms: number | undefined;
}

export class AttemptWatch implements CommandWatch {
  readonly #host: CommandHost;
  readonly #attempt: Attempt;
  readonly #limits: HandlerConfig['limits'];
  #pgid = 0;
  #outputBytes = 0;
  #tree: TreeWatch | undefined;
  #reaped: Promise<number> | undefined;
  #exceeded: { error_class: string; text: string } | undefined;

  constructor(host: CommandHost, attempt: Attempt, limits: HandlerConfig['limits']) {
    this.#host = host;
    this.#attempt = attempt;
    this.#limits = limits;
  }

  /** The limit for which the command was ended. */
  get exceeded(): { error_class: string; text: string } | undefined {
    return this.#exceeded;
  }

  started(pgid: number): void {
    this.#pgid = pgid;
    const { memory } = this.#limits;
    this.#tree = this.#host.sampler?.watch(attemptStamp(this.#attempt), (bytes) => {
      if (memory !== undefined && bytes > memory) this.#end('E_MEMORY_LIMIT', bytes, memory);
    });
  }

  output(bytes: number): void {
    this.#outputBytes += bytes;
    const { output } = this.#limits;
    if (output !== undefined && this.#outputBytes > output) this.#end('E_OUTPUT_LIMIT', this.#outputBytes, output);
  }

  exited(): void {
    this.#reaped = this.#host.reapedCpu?.exited();
  }

  async groupEnded(): Promise<void> {
    this.#tree?.close();
    const { log } = this.#attempt;
    const left = (await this.#host.processes?.end(attemptStamp(this.#attempt))) ?? [];
    if (left.length > 0)
      log.warn(`ended what the command had left running outside its process group: ${namesOf(left)}`);
  }

  /** After its end. */
  async usage(): Promise<Usage> {
    const cpuMs = [await this.#reaped, this.#tree?.cpuMs].filter((ms) => ms !== undefined);
    return {
      peak_memory: this.#tree?.peak,
      cpu_ms: cpuMs.length === 0 ? undefined : Math.round(Math.max(...cpuMs)),
    };
  }

  #end(error_class: string, used: number, limit: number): void {
    // What was aborted before ends in its own way.
    if (this.#exceeded !== undefined || this.#attempt.aborted() !== undefined) return;
    this.#exceeded = { error_class, text: `${error_class}: ${above(used, limit)} of ${spelledBytes(limit)}` };
    signalGroup(this.#pgid, 'SIGKILL');
  }
}

/** A figure that reads as more than the limit, also where both round to the same. */
function above(used: number, limit: number): string {
  return spelledBytes(used) === spelledBytes(limit) ? `more than ${spelledBytes(limit)}` : spelledBytes(used);
}
