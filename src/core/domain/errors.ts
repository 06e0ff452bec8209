/**
 * The registry of everything afd can refuse: one code, one exit code (documented in docs/reference/errors.md and
 * compared with it by a test). Exit codes follow sysexits where there is one.
 */
export const ERROR_CODES = {
  E_FAILED: { exit: 1, means: 'the operation failed' },
  E_STUCK: { exit: 1, means: 'every slot is held by a handler that ignores its abort signal' },
  E_USAGE: { exit: 2, means: 'an argument, a flag or a value is not valid' },
  E_NOT_FOUND: { exit: 3, means: 'no such task, device or file' },
  E_FORBIDDEN: { exit: 4, means: 'the database account may not do this' },
  E_CONFLICT: { exit: 5, means: 'the state of the thing does not allow this' },
  E_DEVICE_RUNNING: { exit: 5, means: 'another live process already runs under this device id' },
  E_SUPERSEDED: { exit: 5, means: 'a newer process took over this device id' },
  E_LEASE_LOST: { exit: 5, means: 'the attempt no longer belongs to this process (fenced)' },
  E_PARTIAL: { exit: 6, means: 'some items failed' },
  E_TIMED_OUT: { exit: 7, means: 'waiting took longer than allowed' },
  E_TASK_FAILED: { exit: 8, means: 'the task waited for ended without success' },
  E_DATABASE: { exit: 69, means: 'the database cannot be reached or did not answer in time' },
  E_SERVER_MISSING: { exit: 69, means: 'no MySQL or MariaDB server program is installed' },
  E_UNCAUGHT: {
    exit: 70,
    means: 'an error was thrown that no code caught, and the process cannot be trusted any more',
  },
  E_TEMPORARY: { exit: 75, means: 'not now: try again' },
  E_CONFIG: { exit: 78, means: 'the configuration is not valid' },
  E_HANDLER_MISSING: { exit: 78, means: 'a supported task type has no handler' },
  E_SCHEMA: { exit: 78, means: 'the schema is unknown to this version of afd' },
  E_INTERNAL: { exit: 1, means: 'a bug in afd' },
} as const satisfies Record<string, { exit: number; means: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface AfdErrorOptions {
  /** Commands to try, each runnable as it stands. */
  suggestions?: string[];
  /** Data for programs (shown in --json). */
  data?: Record<string, unknown>;
  cause?: unknown;
}

/** Every error that afd raises on purpose. `message` says what failed and why, in one sentence. */
export class AfdError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: number;
  readonly suggestions: string[];
  readonly data: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: AfdErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AfdError';
    this.code = code;
    this.exitCode = ERROR_CODES[code].exit;
    this.suggestions = options.suggestions ?? [];
    this.data = options.data ?? {};
  }
}
