import mysql from 'mysql2';
import type { AssignmentStatus } from '../../domain/task/task.ts';
import { fitText } from '../../domain/text/fit-text.ts';
import { utcBefore } from '../rows.ts';
import type { TableNames } from '../table-names.ts';
import type { Statement } from './statement.ts';
import type { TextWidths } from './text-widths.ts';

/** Whose attempts they are. */
export interface AttemptOwner {
  device_id: string;
  instance_token: Buffer;
  /** What the text columns can hold. */
  widths: TextWidths;
}

/** The owner, and the moment of the end: the database's UTC, read under the locks. Literals are parsed faster than functions. */
export interface Ending extends AttemptOwner {
  now: string;
}

/** An attempt of a light claim that has ended. Times as the server spelled them; ages in milliseconds. */
export interface EndedAttempt {
  task_id: number;
  attempt: number;
  claim_token: Buffer;
  assignment_status: AssignmentStatus;
  retry_at_claim: number;
  claimed_at: string;
  deadline_at: string;
  /** Since its handler began; null = it never did. */
  age_ms: number | null;
  result: string | null;
  error_message: string | null;
  error_class: string | null;
  cause: string | null;
}

/**
 * Writes the rows of light claims that end now, whole, in one statement. Under the locks of their tasks, which lose their
 * claim facts in the same transaction. 1062 on idx_task_id = the ids of the task table repeat (repairAttempts).
 * Spelled without placeholders: there are hundreds of rows with ten values each, and what they share is escaped once.
 */
export function insertEnded(names: TableNames, { now, ...owner }: Ending, ended: EndedAttempt[]): Statement {
  const failures = ended.some((one) => one.assignment_status !== 'completed');
  const device = quoted(owner.device_id);
  const instance = hex(owner.instance_token);
  const started = utcBefore(now);
  const tokens = new Map<Buffer, string>();
  const rows = ended.map((one) => {
    const token = tokens.get(one.claim_token) ?? hex(one.claim_token);
    tokens.set(one.claim_token, token);
    const why = failures
      ? `,${quoted(one.error_message && fitText(one.error_message, owner.widths.error_message))},${quoted(one.error_class)},${quoted(one.cause)}`
      : '';
    return `(${one.task_id},${device},${quoted(one.claimed_at)},${quoted(started(one.age_ms))},'${now}',${quoted(one.assignment_status)},${one.retry_at_claim},${one.attempt},${token},${instance},${quoted(one.deadline_at)},${quoted(one.result)}${why})`;
  });
  return {
    sql: `INSERT INTO ${names.assignment} (task_id, device_id, assigned_at, started_at, completed_at, status, retry_count,
            attempt, claim_token, instance_token, deadline_at, result${failures ? ', error_message, error_class, cause' : ''})
          VALUES ${rows.join(',')}`,
    values: [],
    expect: ended.length,
  };
}

function quoted(text: string | null): string {
  return text === null ? 'NULL' : mysql.escape(text);
}

function hex(token: Buffer): string {
  return `X'${token.toString('hex')}'`;
}
