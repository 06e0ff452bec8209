// What a worker makes of the errors of a gateway: the same kinds as those of a session, so that its parts need not know which of
// the two they work with.
import { databaseProblem } from '../../http/device-contract.ts';
import { problem } from '../../http/problem.ts';
import { ClaimRefused } from '../db/claim/finish-and-claim.ts';
import { DatabaseError } from '../db/database-error.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../domain/errors.ts';
import type { CallFailed, HttpAnswer } from './http-call.ts';

const SUGGESTIONS = ['afd config show'];
/** The request itself is at fault: too long, or not what the gateway understands. */
const OF_THE_REQUEST = new Set([400, 413, 414, 415, 422, 431]);
/** A proxy, or a gateway that stops: the request was not carried out. */
const NOT_DONE = new Set([429, 503]);

/** No answer, from this one or from any. */
export function unanswered(where: string, failure: CallFailed): DatabaseError {
  return new DatabaseError('E_DATABASE', `The gateway at ${where} cannot be reached: ${failure.message}`, {
    retry: 'connection',
    refused: failure.unsent,
    ...(failure.late ? { driverCode: 'AFD_DEADLINE' } : {}),
    suggestions: SUGGESTIONS,
    cause: failure,
  });
}

/** An answer that says no. @returns an error to throw: AfdError, DatabaseError, ClaimRefused */
export function refusal(where: string, { status, text }: HttpAnswer): AfdError {
  const told = problem.safeParse(parsed(text));
  if (!told.success || !(told.data.code in ERROR_CODES)) return strange(where, status, `it answered ${status}`);
  const { detail, suggestions } = told.data;
  const code = told.data.code as ErrorCode;
  const of = databaseProblem.safeParse(told.data.database);
  if (of.success) return ofDatabase(code, detail, suggestions, of.data);
  if (OF_THE_REQUEST.has(status))
    return new DatabaseError(code, detail, { retry: 'final', fault: 'data', suggestions });
  if (NOT_DONE.has(status)) return notDone(detail);
  if (status >= 500) return strange(where, status, detail);
  const { data } = told.data;
  const facts = typeof data === 'object' && data !== null ? { data: data as Record<string, unknown> } : {};
  return new AfdError(code, detail, { suggestions, ...facts });
}

/** Another gateway may do better. */
export function isOfGateway(error: AfdError): boolean {
  return error instanceof DatabaseError && (error.retry === 'connection' || error.refused);
}

function ofDatabase(
  code: ErrorCode,
  message: string,
  suggestions: string[],
  {
    retry,
    fault,
    rolled_back,
    undone,
    refused,
    errno,
    driver_code,
    task_ids,
  }: ReturnType<typeof databaseProblem.parse>,
): DatabaseError {
  const error = new DatabaseError(code, message, {
    ...{ retry, undone, refused, suggestions, rolledBack: rolled_back },
    ...(fault === null ? {} : { fault }),
    ...(errno === null ? {} : { errno }),
    ...(driver_code === null ? {} : { driverCode: driver_code }),
  });
  return task_ids === undefined ? error : new ClaimRefused(error, task_ids);
}

function notDone(message: string): DatabaseError {
  return new DatabaseError('E_TEMPORARY', message, { retry: 'slow', refused: true });
}

/** Not known to be an answer of a gateway, or an error inside it: what it has done is unknown. */
function strange(where: string, status: number, why: string): DatabaseError {
  if (NOT_DONE.has(status) || status === 404) return notDone(`The gateway at ${where} cannot be used: ${why}.`);
  return new DatabaseError('E_DATABASE', `The gateway at ${where} failed: ${why}`, {
    retry: 'connection',
    suggestions: SUGGESTIONS,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws DatabaseError when it is not JSON */
export function jsonOf(where: string, text: string): unknown {
  const value = parsed(text);
  if (value === undefined) throw strange(where, 200, 'its answer is not JSON');
  return value;
}

/** Its answer is JSON, and not what was asked for. */
export function notUnderstood(where: string, why: string): DatabaseError {
  return strange(where, 200, `its answer cannot be understood (${why}); it may run another version of afd`);
}
