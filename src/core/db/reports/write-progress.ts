// Invariant: only the attempt that holds its task writes its row: the token on the task decides, which a deferred claim
// has too. The number comes from the task, as the attempt's own row gets it. One INSERT … SELECT for all of a device; at
// READ COMMITTED it reads the tasks by PRIMARY without a lock, so that no claim or end waits for it. A row is the
// attempt's own, so what a late write overwrites is its own. Counts of an upsert: 1 = new or unchanged, 2 = changed. Zero
// rows: none of them holds its task any more.
import type { AttemptUsage, Progress } from '../../domain/attempt/report.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** What one attempt has reported so far. */
export interface ProgressRow {
  task_id: number;
  claim_token: Buffer;
  device_id: string;
  progress: Progress | undefined;
  /** JSON text. */
  metrics: string | null;
  usage: AttemptUsage | undefined;
  /** Its first progress, and the milliseconds since. */
  first: { done: number; age_ms: number } | undefined;
}

const TEXT = 'CHARACTER SET utf8mb4';
const COLUMNS = ['done', 'total', 'message', 'metrics', 'peak_memory', 'cpu_ms'];

/** Returns the count of the statement; 0 = all of them are lost. @throws DatabaseError */
export async function writeProgress(session: Session, names: TableNames, rows: ProgressRow[]): Promise<number> {
  if (rows.length === 0) return 0;
  const branch = `SELECT ? AS task_id, CAST(? AS BINARY(16)) AS claim_token, CAST(? AS CHAR(64) ${TEXT}) AS device_id,
    CAST(? AS DOUBLE) AS done, CAST(? AS DOUBLE) AS total, CAST(? AS CHAR(255) ${TEXT}) AS message,
    CAST(? AS CHAR ${TEXT}) AS metrics, CAST(? AS SIGNED) AS peak_memory, CAST(? AS SIGNED) AS cpu_ms,
    CAST(? AS DOUBLE) AS begun_done, CAST(? AS SIGNED) AS begun_us`;
  const { affectedRows } = await session.write(
    `INSERT INTO ${names.progress}
       (task_id, attempt, device_id, ${COLUMNS.join(', ')}, begun_done, begun_at, updated_at)
     SELECT t.id, t.attempt, r.device_id, ${COLUMNS.map((one) => `r.${one}`).join(', ')}, r.begun_done,
       UTC_TIMESTAMP(3) - INTERVAL r.begun_us MICROSECOND, UTC_TIMESTAMP(3)
     FROM (${rows.map(() => branch).join(' UNION ALL ')}) r
     STRAIGHT_JOIN ${names.task} t FORCE INDEX (PRIMARY) ON t.id = r.task_id AND t.claim_token = r.claim_token
     ON DUPLICATE KEY UPDATE ${COLUMNS.map((one) => `${one} = VALUES(${one})`).join(', ')},
       begun_at = COALESCE(${names.progress}.begun_at, VALUES(begun_at)),
       begun_done = COALESCE(${names.progress}.begun_done, VALUES(begun_done)),
       updated_at = VALUES(updated_at)`,
    rows.flatMap(valuesOf),
  );
  return affectedRows;
}

function valuesOf({ task_id, claim_token, device_id, progress, metrics, usage, first }: ProgressRow): unknown[] {
  const { done = null, total = null, message = null } = progress ?? {};
  const { peak_memory = null, cpu_ms = null } = usage ?? {};
  const begun = first === undefined ? null : Math.round(first.age_ms * 1000);
  return [
    ...[task_id, claim_token, device_id, done, total, message, metrics],
    ...[whole(peak_memory), whole(cpu_ms), first?.done ?? null, begun],
  ];
}

function whole(figure: number | null): number | null {
  return figure === null || !Number.isFinite(figure) ? null : Math.min(Number.MAX_SAFE_INTEGER, Math.round(figure));
}
