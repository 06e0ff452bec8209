// The writes for attempts that have ended: which statements, in which order, and the rows of those that had none.
import mysql from 'mysql2';
import type { AttemptEnd, Finish, InlineClaim } from '../../domain/attempt/reconcile.ts';
import { fitText } from '../../domain/text/fit-text.ts';
import { utcBefore } from '../rows.ts';
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

/** An attempt of a deferred claim that has ended. Times as the server spelled them; ages in milliseconds. */
export interface EndedAttempt
  extends Pick<AttemptEnd, 'assignment_status' | 'result' | 'error_message' | 'error_class' | 'cause'> {
  /** `age_ms`: since its handler began; null = it never did. */
  finish: Pick<Finish, 'task_id' | 'claim_token' | 'age_ms'>;
  record: InlineClaim;
}

/**
 * The VALUES of their INSERT. Spelled without placeholders: there are hundreds of rows with ten values each, and what they share
 * is escaped once. `failures`: error_message, error_class and cause are among them.
 */
export function endedRows({ now, ...owner }: Ending, ended: EndedAttempt[]): { rows: string; failures: boolean } {
  const failures = ended.some((one) => one.assignment_status !== 'completed');
  const device = quoted(owner.device_id);
  const instance = hex(owner.instance_token);
  const started = utcBefore(now);
  const tokens = new Map<Buffer, string>();
  // No copies of their fields: one for each attempt would cost more than the statement's text.
  const rows = ended.map((one) => {
    const { finish, record } = one;
    const token = tokens.get(finish.claim_token) ?? hex(finish.claim_token);
    tokens.set(finish.claim_token, token);
    const why = failures
      ? `,${quoted(one.error_message && fitText(one.error_message, owner.widths.error_message))},${quoted(one.error_class)},${quoted(one.cause)}`
      : '';
    return `(${finish.task_id},${device},${quoted(record.claimed_at)},${quoted(started(finish.age_ms))},'${now}',${quoted(one.assignment_status)},${record.retry_at_claim},${record.attempt},${token},${instance},${quoted(record.deadline_at)},${quoted(one.result)}${why})`;
  });
  return { rows: rows.join(','), failures };
}

function quoted(text: string | null): string {
  return text === null ? 'NULL' : mysql.escape(text);
}

function hex(token: Buffer): string {
  return `X'${token.toString('hex')}'`;
}
