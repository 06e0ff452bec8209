// Turns anything that was thrown into what a script and a reader get: code, exit code, message, command to try.
import { stripVTControlCharacters } from 'node:util';
import { didYouMean } from '../core/config/did-you-mean.ts';
import { AfdError, ERROR_CODES, type ErrorCode } from '../core/domain/errors.ts';
import type { KnownSecrets } from '../core/domain/redaction/known-secrets.ts';
import { redact, redactText } from '../core/log/redact.ts';

export interface Failure {
  code: ErrorCode;
  exitCode: number;
  message: string;
  suggestions: string[];
  data: Record<string, unknown>;
}

interface ParserError {
  message?: string;
  oclif?: { exit?: number };
  parse?: unknown;
  flags?: unknown;
  args?: unknown;
}

/** The command in which it happened, as the user would type it, with its flags. */
export interface FailurePlace {
  command: string;
  flags: string[];
}

const SECRET_WORD = /pass|pwd|secret|token|api-?key|url|dsn/i;

/** The parser's own; ours proposes the command to try. */
const HINT = 'See more help with --help';

function withoutHint(message: string): string {
  const text = message.trimEnd();
  return text.endsWith(HINT) ? text.slice(0, -HINT.length).trimEnd() : message;
}

/** Without secrets, whatever the error contains; `known`: those of the configuration, once it was read. */
export function failureOf(error: unknown, place: FailurePlace, known?: KnownSecrets): Failure {
  const mask = known?.mask;
  const { message, suggestions: given, data, ...rest } = rawFailure(error, place);
  return {
    ...rest,
    message: redactText(message, { mask }),
    suggestions: (given.length > 0 ? given : [toTry(rest.code, place)]).map((one) => redactText(one, { mask })),
    data: redact(data, { mask }) as Record<string, unknown>,
  };
}

/** For an error that brings no command: the one of its code. Of a wrong command line it is the help of that command. */
function toTry(code: ErrorCode, { command }: FailurePlace): string {
  return code === 'E_USAGE' ? `${command} --help` : ERROR_CODES[code].command;
}

function rawFailure(error: unknown, place: FailurePlace): Failure {
  // By its shape, not by instanceof: a second copy of the module (a handler's import of afd) raises the same errors.
  if (error instanceof AfdError || isAfdShaped(error)) {
    const { code, exitCode, message, suggestions, data } = error;
    return { code, exitCode, message, suggestions, data };
  }
  const raw = error as ParserError;
  const message = withoutHint(stripVTControlCharacters(String(raw?.message ?? error)))
    .replace(/^Parsing (--\S+) \n\t/, '$1: ')
    .trim();
  if (raw?.parse !== undefined || raw?.oclif?.exit === ERROR_CODES.E_USAGE.exit) return usage(raw, message, place);
  if (raw?.oclif !== undefined) {
    return { code: 'E_FAILED', exitCode: raw.oclif.exit || 1, message, suggestions: [], data: {} };
  }
  return {
    code: 'E_INTERNAL',
    exitCode: ERROR_CODES.E_INTERNAL.exit,
    message: `This is a bug in afd; please report it: ${message}`,
    suggestions: [`DEBUG=afd ${place.command}`],
    data: {},
  };
}

function usage(raw: ParserError, message: string, place: FailurePlace): Failure {
  const unknown = Array.isArray(raw.flags) ? raw.flags.map(String) : [];
  const help = `${place.command} --help`;
  const secret = unknown.find(takesSecret);
  if (secret !== undefined) {
    const name = secret.startsWith('--') ? secret.split('=')[0] : '-p';
    return make(
      `${name} is not supported, because other users could read the secret from the process list. Set AFD_DATABASE_URL, or database.url or database.password_file in afd.yaml.`,
      [help],
    );
  }
  const near = unknown
    .map((flag) => didYouMean(flag.replace(/^--?/, '').split('=')[0]!, place.flags))
    .filter((flag) => flag !== undefined);
  const hint = near.length === 0 ? '' : ` Did you mean ${near.map((flag) => `--${flag}`).join(', ')}?`;
  // The names alone: what a flag that does not exist was given may be anything.
  const named = unknown.reduce((so, flag) => so.replaceAll(flag, flag.split('=')[0]!), message);
  const text = inOneLine(named, raw.args).replace(/^Nonexistent flags?: /, 'There is no flag ');
  return make(`${text}${/[.?!]$/.test(text) || text.includes('\n') ? '' : '.'}${hint}`, [help]);
}

/** The parser makes a heading and a list of what is missing or does not go together. */
function inOneLine(message: string, args: unknown): string {
  if (/^Missing \d+ required arg/.test(message) && Array.isArray(args)) {
    const names = args.map(({ name }: { name?: string }) => name ?? '').filter((name) => name !== '');
    return `${names.length === 1 ? 'An argument is' : 'Arguments are'} missing: ${names.join(', ')}`;
  }
  const [heading = '', ...reasons] = message.split('\n').map((line) => line.trim());
  if (!/^The following errors? occurred:$/.test(heading)) return message;
  return reasons.map((one) => one.replace(/^Missing required flag (\S+)$/, '--$1 is missing')).join('; ');
}

/** Also `-psecret`, as mysql has it. */
function takesSecret(flag: string): boolean {
  return flag.startsWith('--') ? SECRET_WORD.test(flag) : flag.startsWith('-p');
}

function make(message: string, suggestions: string[]): Failure {
  return { code: 'E_USAGE', exitCode: ERROR_CODES.E_USAGE.exit, message, suggestions, data: {} };
}

function isAfdShaped(error: unknown): error is AfdError {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && code in ERROR_CODES && Array.isArray((error as AfdError).suggestions);
}
