import type { Problem } from '../problem.ts';
import { textOf } from './body.ts';

/** An answer that says why the request was refused or failed. */
export class AfdHttpError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Of the registry (`docs/reference/errors.md`); undefined when the answer did not come from a gateway, but from a proxy, say. */
  readonly code: string | undefined;
  readonly suggestions: string[];
  readonly requestId: string | undefined;
  /** The whole problem document, with the members that depend on the code. */
  readonly problem: Problem | undefined;
  /** Seconds after which the request may be repeated. */
  readonly retryAfter: number | undefined;

  constructor(status: number, problem: Problem | undefined, retryAfter: number | undefined) {
    super(problem?.detail ?? `The answer has the status ${status} and is no problem document.`);
    this.name = 'AfdHttpError';
    this.status = status;
    this.code = problem?.code;
    this.suggestions = problem?.suggestions ?? [];
    this.requestId = problem?.request_id;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** Reads the body. */
export async function errorOf(response: Response, signal: AbortSignal | undefined): Promise<AfdHttpError> {
  const header = Number(response.headers.get('retry-after') ?? Number.NaN);
  const text = await textOf(response, signal).catch(() => '');
  return new AfdHttpError(response.status, problemIn(text), Number.isFinite(header) ? header : undefined);
}

function problemIn(text: string): Problem | undefined {
  try {
    const value = JSON.parse(text) as Problem;
    return typeof value?.code === 'string' && typeof value.detail === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
