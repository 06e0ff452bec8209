// Reads the whole audit log and says whether it is as it was written.
import type { Context } from '../context/context.ts';
import { auditEnds, auditRows } from '../db/audit/read-audit.ts';
import { snapshot } from '../db/transaction.ts';
import { type AuditRow, FIRST_HASH } from '../domain/audit/audit-row.ts';
import { type BadRow, RowCheck } from '../domain/audit/row-check.ts';
import type { AuditCheckpoint } from './audit-checkpoint.ts';

export interface VerifiedAudit {
  intact: boolean;
  /** Rows that hold. */
  rows: number;
  /** The last row of the beginning that retention has deleted; null = the log begins with row 1. */
  pruned_to: number | null;
  /** The newest row that holds, and its hash; null = there is none. */
  last_id: number | null;
  last_hash: string | null;
  /** Checkpoints that the log agrees with, and those of rows that retention has deleted since. */
  checkpoints: { agreed: number; pruned: number };
  first_bad: BadRow | null;
}

/** Rows of one statement. */
const STRETCH = 1000;

/**
 * All of it as it is at one moment, however many rows are added meanwhile. `checkpoints`: what was signed earlier.
 * @throws DatabaseError
 */
export async function verifyAudit(
  context: Context,
  checkpoints: AuditCheckpoint[] = [],
  onProgress: (rows: number) => void = () => {},
): Promise<VerifiedAudit> {
  const session = await context.session();
  const { names } = context;
  return snapshot(session, async () => {
    const check = new RowCheck();
    const compared = new Compared(checkpoints);
    const { head, first } = await auditEnds(session, names);
    compared.add({ id: 0, hash: FIRST_HASH });
    let holds = true;
    for (let from = first ?? 1; holds; ) {
      const rows = await auditRows(session, names, from, STRETCH);
      for (const row of rows) {
        holds &&= check.follow(row);
        if (!holds) break;
        compared.add(row);
      }
      onProgress(check.rows);
      if (rows.length < STRETCH) break;
      from = rows.at(-1)!.id + 1;
    }
    if (check.pruned !== undefined) compared.add(check.pruned);
    const last = check.last;
    const bad = [check.end(head), compared.bad(last?.id ?? 0)].filter((one) => one !== undefined);
    const worst = bad.sort((a, b) => a.id - b.id)[0] ?? null;
    const is = last === undefined || last.id === 0 ? undefined : last;
    return {
      intact: worst === null,
      rows: check.rows,
      pruned_to: check.pruned?.id ?? null,
      last_id: is?.id ?? null,
      last_hash: is?.hash.toString('hex') ?? null,
      checkpoints: compared.counts(check.pruned?.id ?? 0),
      first_bad: worst,
    };
  });
}

/** What was signed, beside what is there. */
class Compared {
  readonly #left: Map<number, AuditCheckpoint[]> = new Map();
  #agreed = 0;
  #bad: BadRow | undefined;

  constructor(checkpoints: AuditCheckpoint[]) {
    for (const one of checkpoints) this.#left.set(one.id, [...(this.#left.get(one.id) ?? []), one]);
  }

  add({ id, hash }: Pick<AuditRow, 'id' | 'hash'>): void {
    const text = hash.toString('hex');
    for (const one of this.#left.get(id) ?? []) {
      if (one.hash === text) this.#agreed += 1;
      else
        this.#bad ??= {
          id,
          message: `Row ${id} is not the one of the checkpoint of ${one.at}: it, or one before it, was written anew.`,
        };
    }
    this.#left.delete(id);
  }

  bad(last: number): BadRow | undefined {
    const beyond = [...this.#left.values()].flat().filter((one) => one.id > last);
    const [first] = beyond.sort((a, b) => a.id - b.id);
    const missing = first && {
      id: last + 1,
      message: `Row ${last + 1} is missing: the checkpoint of ${first.at} is of row ${first.id}.`,
    };
    return this.#bad ?? missing;
  }

  counts(prunedTo: number): VerifiedAudit['checkpoints'] {
    const pruned = [...this.#left.values()].flat().filter((one) => one.id < prunedTo).length;
    return { agreed: this.#agreed, pruned };
  }
}
