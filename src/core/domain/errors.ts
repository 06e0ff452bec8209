/** What a code of the registry says. Backticks in `means` and `remedy` enclose code, as in Markdown. */
export interface ErrorFacts {
  exit: number;
  /** When it is raised: one sentence. */
  means: string;
  /** What its reader can do, in one or two sentences. */
  remedy: string;
  /** A command of afd to try, printed when the error brings no suggestion of its own. */
  command: string;
}

/**
 * The registry of everything afd can refuse. docs/reference/errors.md is generated from it (scripts/errors-page.mjs), and a
 * test compares the two. Exit codes follow sysexits where there is one.
 */
export const ERROR_CODES = {
  E_FAILED: {
    exit: 1,
    means: 'The operation failed, and no more specific code applies.',
    remedy: 'The message contains the words of the server or of the operating system.',
    command: 'afd status',
  },
  E_STUCK: {
    exit: 1,
    means: 'All slots of a worker are held by handlers that ignore their abort signal.',
    remedy:
      'Make the handler obey `ctx.signal`, or leave out `isolation: none`: a thread, a process and a command can be ended. The supervisor starts the worker again.',
    command: 'afd tasks ls --status running',
  },
  E_INTERNAL: {
    exit: 1,
    means: 'A bug in afd: an invariant was violated.',
    remedy: 'Report it with the message and the version of afd.',
    command: 'afd --version',
  },
  E_USAGE: {
    exit: 2,
    means: 'An argument, a flag or a value is not valid.',
    remedy: 'The command prints its own help: `afd <command> --help`.',
    command: 'afd --help',
  },
  E_NOT_FOUND: {
    exit: 3,
    means: 'The task, device, webhook, file or server does not exist.',
    remedy: 'List what exists, and check the id or the path.',
    command: 'afd tasks ls',
  },
  E_FORBIDDEN: {
    exit: 4,
    means: 'The database account lacks a right, or the server rejected its user, password or host.',
    remedy:
      'If a GRANT statement is printed, have an administrator of the server run it. Otherwise check which user, password and host are configured.',
    command: 'afd config show',
  },
  E_KEY: {
    exit: 4,
    means: 'The request has no valid API key, and no session that goes on.',
    remedy:
      'Send a key as `Authorization: Bearer afd_…`, or sign in. A key that has expired is replaced by `afd keys rotate`, before it does.',
    command: 'afd keys ls',
  },
  E_LOGIN: {
    exit: 4,
    means: 'The name and the password are not those of an active user, or the OpenID provider names no such user.',
    remedy:
      'An administrator sees the users with `afd users ls`, sets a new password with `afd users password`, and adds a user for the provider with `afd users add NAME --without-password`.',
    command: 'afd users ls',
  },
  E_LOCKED: {
    exit: 75,
    means: 'Too many log-ins with this name or from this address have failed.',
    remedy:
      'Wait until the time in the message. `afd users password` lets log-ins with the name be tried again at once.',
    command: 'afd users ls',
  },
  E_CROSS_SITE: {
    exit: 4,
    means: 'A change was sent with a session, but not as JSON, or not by a page of this gateway.',
    remedy: 'Programs send an API key in place of a cookie. A proxy must pass on `Host` and `Sec-Fetch-Site`.',
    command: 'afd keys ls',
  },
  E_CERTIFICATE: {
    exit: 4,
    means: 'The request has no valid device certificate, where it needs one.',
    remedy: 'Invite the device again with `afd devices invite`, and run `afd devices enroll` on it.',
    command: 'afd devices certificates ls',
  },
  E_ROLE: {
    exit: 4,
    means: 'The role of the API key or user, or the device of the key or certificate, does not allow the operation.',
    remedy: 'Use a key with a role that the message names, or the certificate of the device.',
    command: 'afd keys ls',
  },
  E_CONFLICT: {
    exit: 5,
    means: 'The current state does not allow the operation, such as retrying a task that is running.',
    remedy: 'Check the state of the task or device that the message names.',
    command: 'afd status',
  },
  E_DEVICE_RUNNING: {
    exit: 5,
    means: 'Another running process uses this device id.',
    remedy: 'Stop that process, or start this one with its own `--device-id`.',
    command: 'afd devices ls',
  },
  E_SUPERSEDED: {
    exit: 5,
    means: 'Another process took over this device id, or the device was removed, so this process stopped.',
    remedy: 'If this was not intended, give each process its own device id.',
    command: 'afd devices ls',
  },
  E_PARTIAL: {
    exit: 6,
    means: 'Some of several items failed.',
    remedy: 'The message lists the items that failed, and why.',
    command: 'afd tasks ls',
  },
  E_TIMED_OUT: {
    exit: 7,
    means: 'The operation did not finish within the allowed time.',
    remedy: 'Allow more time, or check why it is slow.',
    command: 'afd status',
  },
  E_TASK_FAILED: {
    exit: 8,
    means: 'A task that the command waited for failed or was cancelled.',
    remedy: 'Read the last error of the task.',
    command: 'afd tasks ls --status failed',
  },
  E_DATABASE: {
    exit: 69,
    means: 'The database cannot be reached, did not answer in time, or is read-only.',
    remedy:
      'Check the address under `database`; for a private server also `afd db status`. A running worker reconnects by itself.',
    command: 'afd config show',
  },
  E_SERVER_MISSING: {
    exit: 69,
    means: 'No MySQL or MariaDB server program is installed.',
    remedy: 'Install the package that the message names, or set `AFD_DATABASE_URL` to an existing server.',
    command: 'afd db start',
  },
  E_UNCAUGHT: {
    exit: 70,
    means:
      'An error was thrown outside of any handler call, such as by a connection without an `error` listener, so the worker released its tasks and ended.',
    remedy: 'The message names the tasks that were running. Correct the handler, and start the worker again.',
    command: 'afd tasks ls --status failed',
  },
  E_TEMPORARY: {
    exit: 75,
    means:
      'The operation cannot run now: another process is doing it, the server lacks a resource, or the server answered with an error that may pass.',
    remedy: 'Try again later.',
    command: 'afd status',
  },
  E_CONFIG: {
    exit: 78,
    means:
      'The configuration is not valid, names a schema that does not exist, or needs another setting of the database server.',
    remedy: 'Correct the lines that the message lists; it lists all of them at once.',
    command: 'afd config show',
  },
  E_HANDLER_MISSING: {
    exit: 78,
    means: 'A task type in `supported_tasks` has no handler on this device.',
    remedy: 'Add the lines that the message shows to `handlers` in the configuration file.',
    command: 'afd config show',
  },
  E_SCHEMA: {
    exit: 78,
    means: 'The tables are not those that this version of afd needs.',
    remedy: 'Migrate the schema with `afd migrate up`. If the schema is newer than this afd, update afd.',
    command: 'afd migrate status',
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface AfdErrorOptions {
  /** Commands to try, each runnable as it stands; without any, the command line prints the `command` of the code. */
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
