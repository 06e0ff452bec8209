import { isIP } from 'node:net';
import { isLoopback } from '../config/loopback.ts';
import { parseHost } from '../config/sections/database-hosts.ts';
import { type DatabaseAddress, describeMember } from '../db/address.ts';

/** No group or cluster is larger. */
const MOST = 16;

/** The members that are asked: those that are configured, and those that the fleet names besides. */
export class Members {
  /** Those that the fleet names no more stay until the process ends: one of them may be the writer. */
  list: readonly DatabaseAddress[];
  readonly #configured: readonly DatabaseAddress[];

  constructor(address: DatabaseAddress) {
    this.#configured = address.members ?? [address];
    this.list = this.#configured;
  }

  /** For messages. */
  get where(): string {
    return `${this.list.map(describeMember).join(',')}/${this.#configured[0]!.database}`;
  }

  /** Returns the hosts that are new. */
  learn(hosts: readonly string[]): string[] {
    const known = new Set(this.list.map(describeMember));
    const found = new Map(
      hosts
        .map((one) => learnedMember(this.#configured, one))
        .filter((one) => one !== undefined)
        .map((one) => [describeMember(one), one] as const)
        .filter(([name]) => !known.has(name))
        .slice(0, MOST - known.size),
    );
    this.list = [...this.list, ...found.values()];
    return [...found.keys()];
  }
}

/**
 * A member that the fleet names (`host` or `host:port`), with login and encryption of the configured ones. Undefined = it is no host;
 * or, since encryption is another on the loopback interface, none of them is as near as it is.
 */
function learnedMember(configured: readonly DatabaseAddress[], text: string): DatabaseAddress | undefined {
  const parsed = parseHost(text);
  if (parsed === undefined) return undefined;
  const { host, port = 3306 } = parsed;
  const like = configured.find((one) => one.host !== undefined && isLoopback(one.host) === isLoopback(host));
  if (like === undefined) return undefined;
  const { members: _, tls, certifiedHost, ...login } = like;
  if (tls === undefined || typeof tls === 'string') return { ...login, host, port };
  const full = certifiedHost !== undefined;
  const own = { ...tls, verifyIdentity: full && isIP(host) === 0 };
  return { ...login, host, port, tls: own, ...(full ? { certifiedHost: host } : {}) };
}

/**
 * What other nodes are to know of these members: hosts with commas between. Undefined = they are one server, or one of them is an address of
 * this machine alone (a socket, a forwarded port), which would be another server elsewhere.
 */
export function publishedHosts(address: DatabaseAddress | undefined): string | undefined {
  const members = address?.members ?? [];
  const everywhere = members.every(
    ({ socketPath, host }) => socketPath === undefined && host !== undefined && !isLoopback(host),
  );
  return members.length > 0 && everywhere ? members.map(describeMember).join(',') : undefined;
}
