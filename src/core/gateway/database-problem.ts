import type { DatabaseProblem } from '../../http/device-contract.ts';
import { ClaimRefused } from '../db/claim/finish-and-claim.ts';
import { DatabaseError } from '../db/database-error.ts';

/** What a client of the gateway must know of an error that the database raised; undefined = it raised none. */
export function databaseProblem(error: unknown): DatabaseProblem | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  const { retry, fault, rolledBack, undone, refused, errno, driverCode } = error;
  return {
    retry,
    fault: fault ?? null,
    rolled_back: rolledBack,
    undone,
    refused,
    errno: errno ?? null,
    driver_code: driverCode ?? null,
    ...(error instanceof ClaimRefused ? { task_ids: error.taskIds } : {}),
  };
}
