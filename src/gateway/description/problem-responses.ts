// The problem documents with which an operation may answer, one for each HTTP status.
import type { Access } from '../../core/domain/access/role.ts';
import { ERROR_CODES, type ErrorCode } from '../../core/domain/errors.ts';
import { PROBLEM_TYPE } from '../../http/problem.ts';
import { HTTP_STATUS } from '../server/problem-answers.ts';

/** Of every route that asks the database. */
const ALWAYS: ErrorCode[] = ['E_DATABASE', 'E_TEMPORARY', 'E_FORBIDDEN', 'E_SCHEMA', 'E_INTERNAL'];

/** Of every route for which a key or a certificate is needed. */
const KEYS: ErrorCode[] = ['E_KEY', 'E_CERTIFICATE', 'E_ROLE'];

export interface ProblemResponse {
  description: string;
  content: Record<string, { schema: object; examples: Record<string, { summary: string; value: object }> }>;
}

/** `own`: codes of the route. `hasInput`: it may be asked wrongly. `local`: it needs no database. */
export function problemResponses(
  own: readonly ErrorCode[],
  { hasInput, local, access }: { hasInput: boolean; local: boolean; access: Access },
): Record<string, ProblemResponse> {
  const codes = [
    ...new Set<ErrorCode>([
      ...(hasInput ? ['E_USAGE' as const] : []),
      ...own,
      ...(local ? [] : ALWAYS),
      ...(access === 'public' ? [] : KEYS),
    ]),
  ];
  const statuses = [...new Set(codes.map((code) => HTTP_STATUS[code]))].filter((status) => status >= 400);
  const answers = statuses
    .sort((a, b) => a - b)
    .map((status) => [
      String(status),
      responseOf(
        status,
        codes.filter((code) => HTTP_STATUS[code] === status),
      ),
    ]);
  return Object.fromEntries(answers);
}

function responseOf(status: number, codes: ErrorCode[]): ProblemResponse {
  const examples = codes.map((code) => [code, { summary: ERROR_CODES[code].means, value: exampleOf(code, status) }]);
  return {
    description: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].means}`).join(' '),
    content: {
      [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' }, examples: Object.fromEntries(examples) },
    },
  };
}

function exampleOf(code: ErrorCode, status: number): object {
  return {
    type: `/docs/errors#${code}`,
    title: ERROR_CODES[code].means,
    status,
    detail: 'What failed, and why, in one sentence.',
    code,
    suggestions: [ERROR_CODES[code].command],
    request_id: '5f0f7a52-7f0e-4f3c-9a7e-0c5b7f6f6a10',
  };
}
