import type { ConnectionOptions } from 'mysql2';
import { AfdError } from '../domain/errors.ts';
import type { Topology } from '../domain/writer/member-answer.ts';

/** Where the database is. `socketPath` wins over host and port. */
export interface DatabaseAddress {
  host?: string;
  port?: number;
  socketPath?: string;
  user: string;
  password?: string;
  database: string;
  /** mysql2's `ssl` object; absent = plain text. */
  tls?: ConnectionOptions['ssl'];
  /** Name or IP address that the server's certificate must be for; absent = any (`verify-ca`). */
  certifiedHost?: string;
  /**
   * RSA key (PEM) that encrypts the password of a login in clear; null = none is known, and no key that the server sends is
   * taken; absent = any: by TLS it is not used, and on this machine nobody is in between.
   */
  publicKey?: string | null;
  /** All members of a replicated database, this one (the first) too, when several are configured; their writer is to be found. */
  members?: readonly DatabaseAddress[];
}

/** The member that takes writes, as it was found. */
export interface FoundWriter {
  address: DatabaseAddress;
  topology: Topology;
}

/** The same place, another schema. */
export function inSchema(address: DatabaseAddress, database: string): DatabaseAddress {
  const { members } = address;
  return { ...address, database, ...(members && { members: members.map((one) => ({ ...one, database })) }) };
}

/** Finds the writer among the members; shared by all sessions of a thread. */
export interface WriterSource {
  /** Of the fleet, as far as is known: the more there are, the more they spread what they ask. */
  devices: number;
  /** @throws DatabaseError when there is none now */
  find(): Promise<FoundWriter>;
  /** A session with it broke, or it refused a write. `hung`: it did not answer in time. The next `find` asks the members again. */
  doubt(writer: FoundWriter, hung: boolean): void;
  /** Members that the fleet names are asked too; returns those that are new. */
  learn(hosts: readonly string[]): string[];
  /** Calls `leave` when another server has become the writer; returns what ends that. */
  follow(writer: FoundWriter, leave: () => void): () => void;
}

/** `host:port/schema` or `socket/schema`: for messages, never with the password. */
export function describeAddress(address: DatabaseAddress): string {
  const at = address.members?.map(describeMember).join(',') ?? describeMember(address);
  return `${at}/${address.database}`;
}

/** `host:port`, with brackets around an IPv6 address, or socket. */
export function describeMember({ host = '127.0.0.1', port = 3306, socketPath }: DatabaseAddress): string {
  return socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What one session connects to: the address that was configured, or the member that was last found to be the writer. */
export class Target {
  address: DatabaseAddress;
  readonly #source: WriterSource | undefined;
  #writer: FoundWriter | undefined;
  #unfollow: (() => void) | undefined;

  /** @throws AfdError E_INTERNAL: several members, and nothing that could choose among them */
  constructor(address: DatabaseAddress, source: WriterSource | undefined) {
    if (address.members !== undefined && source === undefined)
      throw new AfdError('E_INTERNAL', 'Nothing finds the writer among several members.');
    this.address = address;
    this.#source = source;
  }

  /** Undefined = a server that is configured alone, or a primary that only its read_only tells. */
  get topology(): Topology | undefined {
    return this.#writer?.topology;
  }

  /** Before a connection is opened. @throws DatabaseError when there is no writer now */
  async choose(): Promise<void> {
    if (this.#source === undefined) return;
    this.#writer = await this.#source.find();
    this.address = this.#writer.address;
  }

  /** A connection is open; `leave` ends it when another server has become the writer. */
  opened(leave: () => void): void {
    if (this.#writer !== undefined) this.#unfollow = this.#source?.follow(this.#writer, leave);
  }

  /** The connection is ended, or never came to be; the next one asks the members again if it is doubtful. */
  left(doubtful?: 'broken' | 'hung'): void {
    this.#unfollow?.();
    if (doubtful !== undefined && this.#writer !== undefined) this.#source?.doubt(this.#writer, doubtful === 'hung');
  }
}
