// The members of a replicated database, as a user writes them: `a:3306`, `b`, `[2001:db8::1]:3306`.
import { isIP } from 'node:net';
import { z } from 'zod';

export interface HostAndPort {
  host: string;
  /** Undefined = database.port. */
  port: number | undefined;
}

/** No group or cluster is larger. */
const MOST = 16;
const SHAPE = 'is not a host such as "db1.example:3306"';

/** Undefined = it is none. A port beyond 65535 is none either. */
export function parseHost(text: string): HostAndPort | undefined {
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::(\d{1,5}))?$/.exec(text);
  const plain = bracketed ?? /^([A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
  const host = plain?.[1] ?? (isIP(text) === 6 ? text : undefined);
  if (host === undefined || (bracketed !== null && isIP(host) !== 6)) return undefined;
  const port = plain?.[2] === undefined ? undefined : Number(plain[2]);
  return port !== undefined && (port < 1 || port > 65_535) ? undefined : { host, port };
}

/** A list, or one text with commas between them (environment, flag). */
export const hosts = z
  .union([z.string(), z.array(z.string())], { error: 'must be a host or a list of hosts' })
  .transform((value, context) => {
    const list = splitHosts(typeof value === 'string' ? value : value.join(','));
    const problem = hostsProblem(list);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    return list;
  });

export function splitHosts(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** A sentence without its subject, and without the text: a URL may be written here, with its password. */
export function hostsProblem(list: readonly string[]): string | undefined {
  if (list.length === 0) return `must name a host such as "db1.example:3306"`;
  if (list.length > MOST) return `has ${list.length} hosts; at most ${MOST}`;
  return list.some((one) => parseHost(one) === undefined) ? SHAPE : undefined;
}
