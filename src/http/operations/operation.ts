// What a client and a gateway know of an operation: both take it from here.
import type { z } from 'zod';

export interface OperationContract {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** As in OpenAPI: `/api/v1/tasks/{task_id}`. */
  path: string;
  params?: z.ZodType;
  query?: z.ZodType;
  body?: z.ZodType;
  /** Of each status below 300 that has one; undefined = no body, or text. */
  answer?: z.ZodType;
  /** It does the same when it comes twice. A POST says so if it does; GET, PUT and DELETE do unless they say no. */
  repeatable?: boolean;
  /** The member of the answer that holds the rows, of a list that goes on where its `cursor` says. */
  rows?: string;
  /** `text` = the body as it is; `events` = a stream of events. */
  answers?: 'text' | 'events';
}

/** Keeps the types of the schemas. */
export function operation<const T extends OperationContract>(contract: T): T {
  return contract;
}

/** Whether it may be sent again when nobody knows whether it was done. */
export function isRepeatable({ method, repeatable }: OperationContract): boolean {
  return repeatable ?? (method === 'GET' || method === 'PUT' || method === 'DELETE');
}
