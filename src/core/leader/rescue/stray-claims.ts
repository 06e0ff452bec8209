// Stray claims: materialized or ended in groups, one fenced transaction for each group of one device.

import { type DeferredClaimRef, type StrayClaimRef, strayClaims } from '../../db/attempts/deferred-claims.ts';
import { endDeferredClaims, materializeForWorker } from '../../db/attempts/end-deferred-claims.ts';
import { closeLeftClaims, leftClaims } from '../../db/attempts/left-claims.ts';
import type { TextWidths } from '../../db/claim/text-widths.ts';
import type { Session } from '../../db/session.ts';
import type { DutySession } from '../duty/duty-session.ts';
import type { Failures } from '../duty/failures.ts';
import type { Deaths } from './deaths.ts';
import type { RescueCounts } from './rescue-counts.ts';

/** A deferred claim that its live worker has not materialized for this long: the worker's main thread stands still. */
const STRAY_AFTER_S = 10;

export interface StrayClaimRescuerOptions {
  duty: DutySession;
  deaths: Deaths;
  widths: () => Promise<TextWidths>;
  /** Claims per page, and so at most per transaction: one of 500 took 13 ms on MariaDB, 37 ms on MySQL (median). */
  limit: number;
}

export class StrayClaimRescuer {
  readonly #o: StrayClaimRescuerOptions;
  /** Devices whose death or absence was seen, and whose left claims have been checked. */
  readonly #searched = new Set<string>();
  /** Tasks of a transaction that ended the connection: tried one by one, and after all others, as long as they are stray. */
  readonly #suspects = new Set<number>();

  constructor(options: StrayClaimRescuerOptions) {
    this.#o = options;
  }

  /** The claims of this device are checked once more: it has died again. */
  declaredDead(deviceId: string): void {
    this.#searched.delete(deviceId.toLowerCase());
  }

  /**
   * All of them, page after page: a rack that loses power leaves thousands, and none needs to wait for the next round. The
   * pages go by id, so what cannot be ended is passed once and keeps nothing waiting.
   */
  async run(counts: RescueCounts, failures: Failures): Promise<void> {
    const { duty, limit } = this.#o;
    failures.another();
    const suspects: StrayClaimRef[] = [];
    for (let after = 0; !failures.enough; ) {
      const entry = { after, limit };
      const refs = await duty.run((session) => strayClaims(session, duty.names, STRAY_AFTER_S, entry));
      suspects.push(...refs.filter((ref) => this.#suspects.has(ref.task_id)));
      for (const group of grouped(refs.filter((ref) => !this.#suspects.has(ref.task_id)))) {
        await this.#watched(group, counts, failures);
      }
      if (refs.length < limit) break;
      after = refs.at(-1)!.task_id;
    }
    const order = [...this.#suspects];
    suspects.sort((a, b) => order.indexOf(a.task_id) - order.indexOf(b.task_id));
    for (const ref of suspects) await this.#watched([ref], counts, failures);
    const still = new Set(suspects.map((ref) => ref.task_id));
    for (const id of order) if (!still.has(id)) this.#suspects.delete(id);
  }

  /** Remembers, in the order of trying, what it was that ended the connection. */
  async #watched(group: StrayClaimRef[], counts: RescueCounts, failures: Failures): Promise<void> {
    try {
      await this.#group(group, counts, failures);
    } catch (error) {
      for (const { task_id } of group) {
        this.#suspects.delete(task_id);
        this.#suspects.add(task_id);
      }
      throw error;
    }
  }

  /** Claims of a dead device whose tasks another program has changed: their attempts are materialized, once per death. */
  async left(deviceId: string, counts: RescueCounts, failures: Failures): Promise<void> {
    const { duty } = this.#o;
    if (this.#searched.has(deviceId.toLowerCase())) return;
    const found = await failures.part(`claims left by ${deviceId}`, () =>
      duty.run((session) => leftClaims(session, duty.names, deviceId)),
    );
    if (found === undefined) return;
    this.#searched.add(deviceId.toLowerCase());
    for (let at = 0; at < found.length; at += this.#o.limit) {
      const ids = found.slice(at, at + this.#o.limit);
      await this.#halved(
        ids,
        (id) => `task ${id}`,
        failures,
        async (some) => {
          counts.closed += await duty.fenced((session) => closeLeftClaims(session, duty.names, some));
        },
      );
    }
  }

  async #group(group: StrayClaimRef[], counts: RescueCounts, failures: Failures): Promise<void> {
    const { duty, deaths } = this.#o;
    const { orphaned, device_id, claim_token } = group[0]!;
    const name = (ref: StrayClaimRef) => `task ${ref.task_id}, claimed by ${device_id}`;
    await this.#halved(group, name, failures, async (some) => {
      const refs = some as DeferredClaimRef[];
      if (claim_token === null) {
        const ids = refs.map((ref) => ref.task_id);
        counts.closed += await duty.fenced((session) => closeLeftClaims(session, duty.names, ids));
      } else if (orphaned === 1) {
        const ended = await this.#withTexts(some.length === 1, (session, widths) =>
          endDeferredClaims(
            session,
            duty.names,
            refs,
            (device, instance_token) => deaths.causeOfLoss(device, { device_id, instance_token }),
            widths,
          ),
        );
        counts.rescued += ended;
        deaths.note(device_id, ended);
      } else {
        await duty.fenced((session) => materializeForWorker(session, duty.names, refs));
      }
    });
    if (orphaned === 1) await this.left(device_id, counts, failures);
  }

  /** One that cannot be written with its text is written without. */
  async #withTexts(alone: boolean, write: (session: Session, widths?: TextWidths) => Promise<number>): Promise<number> {
    const { duty, widths } = this.#o;
    const known = await widths();
    try {
      return await duty.fenced((session) => write(session, known));
    } catch (error) {
      if (!alone || !duty.refused(error)) throw error;
      return duty.fenced((session) => write(session));
    }
  }

  /** What fails together is done in halves, so that the one row which fails is left alone, and named. */
  async #halved<T>(
    all: T[],
    name: (one: T) => string,
    failures: Failures,
    work: (some: T[]) => Promise<void>,
  ): Promise<void> {
    if (failures.enough) return;
    if (all.length === 1) {
      await failures.part(name(all[0]!), () => work(all));
      return;
    }
    try {
      await work(all);
    } catch (error) {
      if (!this.#o.duty.refused(error)) throw error;
      const half = Math.ceil(all.length / 2);
      await this.#halved(all.slice(0, half), name, failures, work);
      await this.#halved(all.slice(half), name, failures, work);
    }
  }
}

/** By what is done to them, and by device: the statements are of one device each. */
function grouped(refs: StrayClaimRef[]): StrayClaimRef[][] {
  const groups = new Map<string, StrayClaimRef[]>();
  for (const ref of refs) {
    const key = `${ref.claim_token === null}/${ref.orphaned}/${ref.device_id.toLowerCase()}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [ref]);
    else group.push(ref);
  }
  return [...groups.values()];
}
