import { DatabaseError, isTransient } from '../../db/database-error.ts';
import type { ProgressRow } from '../../db/reports/write-progress.ts';
import { monotonic } from '../../runtime/clock.ts';
import type { ReportPort } from '../port/report-port.ts';
import type { RunningReport } from './running-report.ts';

/** Attempts of one statement: each may have some KB of metrics. */
const MOST_ROWS = 50;

type Lose = (report: RunningReport) => void;

/** Stores what waits, and takes it out of the set. After a transient error the rest stays in it. @throws DatabaseError */
export async function storeCheckpoints(port: ReportPort, reports: Set<RunningReport>, lose: Lose): Promise<void> {
  for (const report of [...reports]) {
    const { wanted } = report.checkpoints;
    if (wanted !== undefined) {
      const { task_id, claim_token } = report.of;
      const row = { task_id, claim_token, value: JSON.stringify(wanted.value) };
      try {
        if (await port.writeCheckpoint(row)) report.stored(wanted.version);
        else lose(report);
      } catch (error) {
        if (isTransient(error)) throw error;
        report.refuse(error as Error);
      }
    }
    // One that came meanwhile is for the next round.
    if (report.checkpoints.wanted === undefined) reports.delete(report);
  }
}

export interface ValueWrites {
  deviceId: string;
  reports: Set<RunningReport>;
  lose: Lose;
  warn(message: string): void;
}

/** Writes the last values of all, and takes them out of the set. @throws DatabaseError; the rest stays in it */
export async function storeValues(port: ReportPort, writes: ValueWrites): Promise<void> {
  const { reports } = writes;
  const waiting = [...reports].filter((one) => one.changed || !reports.delete(one));
  for (let n = 0; n < waiting.length; n += MOST_ROWS) {
    const some = waiting.slice(n, n + MOST_ROWS);
    try {
      await store(port, some, writes);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.fault !== 'data') throw error;
      // The server refuses one of them.
      for (const one of some) await storeAlone(port, one, writes);
    }
  }
}

async function storeAlone(port: ReportPort, one: RunningReport, writes: ValueWrites): Promise<void> {
  const { version } = one;
  try {
    await store(port, [one], writes);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.fault !== 'data') throw error;
    const { task_id, attempt } = one.of;
    writes.warn(`What task ${task_id}, attempt ${attempt}, reports cannot be stored: ${error.message}`);
    wrote(one, version, writes);
  }
}

async function store(port: ReportPort, some: RunningReport[], writes: ValueWrites): Promise<void> {
  const versions = some.map((one) => one.version);
  const count = await port.writeProgress(some.map((one) => rowOf(one, writes.deviceId)));
  for (const [n, one] of some.entries()) {
    wrote(one, versions[n]!, writes);
    // Of several, the count does not say which.
    if (count === 0) writes.lose(one);
  }
}

function wrote(one: RunningReport, version: number, { reports }: ValueWrites): void {
  one.wrote(version);
  if (!one.changed) reports.delete(one);
}

function rowOf({ of, values, used, first }: RunningReport, device_id: string): ProgressRow {
  const { progress, metrics } = values;
  return {
    task_id: of.task_id,
    claim_token: of.claim_token,
    device_id,
    progress,
    metrics: metrics.size === 0 ? null : JSON.stringify(Object.fromEntries(metrics)),
    usage: used,
    first: first === undefined ? undefined : { done: first.done, age_ms: monotonic() - first.at },
  };
}
