import { DatabaseError } from '../db/database-error.ts';

/** The account has no right to take the lease; nothing else is an answer. @throws `error`, if it is anything else */
export function refusedRight(error: unknown): DatabaseError {
  if (error instanceof DatabaseError && error.code === 'E_FORBIDDEN') return error;
  throw error;
}

/** What a worker says of it, once. A node that only leads has nothing else to do, and ends. */
export function cannotLead({ message }: DatabaseError): string {
  return `This worker does not lead, because its account has no right to: ${message} Set worker.leader: false, or give it the rights that "afd db grants --role leader" prints`;
}
