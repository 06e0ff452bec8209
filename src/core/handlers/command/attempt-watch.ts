// What is watched of one attempt while its command runs: its limits, what it uses, and what it leaves outside its group.
import type { HandlerConfig } from '../../config/config-schema.ts';
import { spelledBytes } from '../../domain/byte-size.ts';
import type { Attempt } from '../handler.ts';
import type { AttemptGroup, GroupFigures } from '../processes/attempt-group.ts';
import { LEFT, SAMPLED } from '../processes/attempt-groups.ts';
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
  #begun: Promise<void> | undefined;
  #group: AttemptGroup | undefined;
  #figures: GroupFigures | undefined;
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

  /** Processes that the kernel killed for want of memory; undefined = it did not count them for this attempt alone. */
  get oomKills(): number | undefined {
    return this.#figures?.oomKills;
  }

  /** Before the command starts. Returns argv in front of it that waits for a line on stdin. */
  async prepare(): Promise<string[]> {
    const { task_id, attempt } = this.#attempt.task;
    const { groups } = this.#host;
    const { memory } = this.#limits;
    if (groups === undefined || memory === undefined) return [];
    this.#group = await groups.make(`task-${task_id}-${attempt}`, memory);
    return this.#group === undefined ? [] : groups.hold;
  }

  started(pgid: number): Promise<void> {
    this.#pgid = pgid;
    this.#begun = this.#begin(pgid);
    return this.#begun;
  }

  async #begin(pgid: number): Promise<void> {
    const group = this.#group;
    if (group !== undefined && (await this.#entered(group, pgid))) return;
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
    // It may have ended before it began.
    await this.#begun;
    this.#tree?.close();
    const { log } = this.#attempt;
    const left = (await this.#host.processes?.end(attemptStamp(this.#attempt))) ?? [];
    if (left.length > 0)
      log.warn(`ended what the command had left running outside its process group: ${namesOf(left)}`);
    await this.close();
  }

  /** Ends its control group, if it has one. More than once: nothing. */
  async close(): Promise<void> {
    const group = this.#group;
    this.#group = undefined;
    if (group === undefined) return;
    const { groups } = this.#host;
    await groups?.tried(group.empty(), LEFT);
    this.#figures = await group.read();
    await groups?.tried(group.remove(), LEFT);
    const { memory } = this.#limits;
    if (this.#figures?.overLimit && memory !== undefined)
      this.#exceed('E_MEMORY_LIMIT', this.#figures.peak ?? memory, memory);
  }

  /** After its end. */
  async usage(): Promise<Usage> {
    const reaped = await this.#reaped;
    // The group has counted all of it; what was reaped has other children of this process in it too.
    const cpuMs = [this.#figures?.cpuMs ?? reaped, this.#tree?.cpuMs].filter((ms) => ms !== undefined);
    return {
      peak_memory: this.#figures?.peak ?? this.#tree?.peak,
      cpu_ms: cpuMs.length === 0 ? undefined : Math.round(Math.max(...cpuMs)),
    };
  }

  /** False: its group cannot be used. */
  async #entered(group: AttemptGroup, pid: number): Promise<boolean> {
    const { groups } = this.#host;
    if (
      (await groups?.tried(
        group.enter(pid).then(() => true),
        SAMPLED,
      )) !== true
    ) {
      this.#group = undefined;
      await groups?.tried(group.remove(), LEFT);
      return false;
    }
    return groups?.countsPeak === true;
  }

  #end(error_class: string, used: number, limit: number): void {
    if (this.#exceed(error_class, used, limit)) signalGroup(this.#pgid, 'SIGKILL');
  }

  #exceed(error_class: string, used: number, limit: number): boolean {
    // What was aborted before ends in its own way.
    if (this.#exceeded !== undefined || this.#attempt.aborted() !== undefined) return false;
    this.#exceeded = { error_class, text: `${error_class}: ${above(used, limit)} of ${spelledBytes(limit)}` };
    return true;
  }
}

/** A figure that reads as more than the limit, also where both round to the same. */
function above(used: number, limit: number): string {
  return spelledBytes(used) === spelledBytes(limit) ? `more than ${spelledBytes(limit)}` : spelledBytes(used);
}
