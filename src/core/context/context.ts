import type { Config } from '../config/config-schema.ts';
import { FleetSettings } from '../config/fleet-settings.ts';
import { noDatabase, type ResolvedConfig } from '../config/load-config.ts';
import { DatabaseError } from '../db/database-error.ts';
import { type DatabaseAddress, Session, type SessionOptions } from '../db/session.ts';
import { namedHosts, readSettings } from '../db/settings/read-settings.ts';
import { type TableNames, tableNames } from '../db/table-names.ts';
import type { Role } from '../domain/database-role.ts';
import { AfdError } from '../domain/errors.ts';
import type { KnownSecrets } from '../domain/redaction/known-secrets.ts';
import { attachLog, createLog, type Log, type LogStream } from '../log/log.ts';
import { ReadReplica } from '../reader/read-replica.ts';
import { Events } from '../runtime/events.ts';
import { tellPromise } from '../writer/tell-promise.ts';
import { waitForWriter } from '../writer/wait-for-writer.ts';
import { type WriterFinder, writerOf } from '../writer/writer-finder.ts';
import { knownSecrets } from './known-secrets.ts';
import { Producer } from './producer.ts';
import { assertSchema } from './schema-state.ts';

/** `command` = one short-lived command; `migrate` = one that may meet any schema; the others are nodes of the fleet. */
export type Purpose = 'command' | 'migrate' | 'worker' | 'leader' | 'gateway';

export interface ContextOptions {
  purpose: Purpose;
  /** The role of `afd db grants` that a command needs; a node has its own. */
  role?: Role | undefined;
  /** Where log lines go. */
  logTo: LogStream;
  /** Of this configuration, if its caller has them already. */
  known?: KnownSecrets | undefined;
}

/** What a use case needs. Opened by the outermost layer, which also closes it. */
export interface Context {
  resolved: ResolvedConfig;
  /** The fleet's values are laid over it while it is in use: read what you need when you need it. */
  config: Config;
  fleet: FleetSettings;
  /** Undefined = none is configured: a remote worker works without one. */
  address: DatabaseAddress | undefined;
  /** Of several members; undefined = the address is one server. */
  writer: WriterFinder | undefined;
  /** Undefined = everything is read from the writer. */
  replica: ReadReplica | undefined;
  names: TableNames;
  events: Events;
  log: Log;
  /** What nothing shows: the secrets of the configuration, and what this process has learned. `log.hide` adds to it. */
  known: KnownSecrets;
  /** The file descriptor that log lines go to, if it is one. */
  logFd: number | undefined;
  /**
   * An open session that `close` will close. The first one checks the schema and takes over the fleet's values, except
   * for the purpose `migrate`.
   * `multiStatements` is off unless asked for: only for sessions that send nothing but the statements of core/db.
   * @throws DatabaseError, AfdError E_SCHEMA, E_CONFIG without an address
   */
  session(options?: Partial<Omit<SessionOptions, 'address'>>): Promise<Session>;
  /** The one producer of this context, opened when first asked for. @throws as `session` */
  producer(): Promise<Producer>;
  /** Closes every session, after rings that are under way; safe to call twice. */
  close(): Promise<void>;
}

/** A command asks this often whether another member is the writer now. */
const RECHECK_MS = 10_000;

/**
 * Builds the context; nothing is connected before the first `session`.
 * @throws AfdError E_CONFIG for table names that cannot be, and for `enabled: false` when a node starts
 */
export function openContext(resolved: ResolvedConfig, options: ContextOptions): Context {
  const { config, database: address } = resolved;
  const isNode = options.purpose !== 'command' && options.purpose !== 'migrate';
  if (isNode && !config.enabled) {
    throw new AfdError(
      'E_CONFIG',
      `"enabled: false" (${resolved.origins.enabled ?? 'file'}) does not allow this machine to start a ${options.purpose}. Set it to true.`,
      { data: { key: 'enabled' } },
    );
  }
  const names = tableNames(config.tables);
  const events = new Events();
  // A short command says what it did itself; only what is wrong is worth a log line.
  const level = isNode || config.log.level === 'silent' || config.log.level === 'error' ? config.log.level : 'warn';
  const known = options.known ?? knownSecrets(resolved);
  const log = createLog({
    level,
    known,
    format: config.log.format,
    stream: options.logTo,
    deviceId: isNode ? config.worker.device_id : undefined,
  });
  const detach = attachLog(events, log);
  if (isNode) for (const message of resolved.warnings) events.emit('warning', { message });

  const writer = writerOf(address);
  const deafen = writer?.listen((message) => events.emit('warning', { message }));

  const fleet = new FleetSettings(resolved, isNode ? events : undefined);
  const open = new Set<Session>();
  let checked = options.purpose === 'migrate';
  let producer: Promise<Producer> | undefined;
  const defaults = () => ({
    timeZone: config.database.time_zone,
    idleTimeoutS: config.database.session_timeout,
    deadlineMs: config.database.call_timeout * 1000,
    multiStatements: false,
    role: isNode ? (options.purpose as Role) : options.role,
  });
  const opened = async (wanted: Partial<Omit<SessionOptions, 'address'>>) => {
    if (address === undefined) throw noDatabase();
    const session = new Session({ address, writer, ...defaults(), ...wanted });
    open.add(session);
    try {
      // A node has a longer wait of its own, which is logged.
      await (isNode || writer === undefined ? session.ready() : waitForWriter(session));
    } catch (error) {
      open.delete(session);
      throw resolved.origins['database.url'] === 'embedded server' ? stoppedServer(error) : error;
    }
    return session;
  };
  const replica =
    resolved.replica &&
    new ReadReplica({
      ...{ address: resolved.replica, names, maxDelayS: config.database.read_max_delay },
      session: defaults,
      writer: () => context.session(),
      say: (kind, message) => events.emit(kind, { message }),
    });
  // A node writes each second, and so notices that there is another writer. A command may only read for hours.
  const recheck = isNode ? undefined : setInterval(() => writer?.recheck(), RECHECK_MS).unref();
  const context: Context = {
    resolved,
    config,
    fleet,
    address,
    writer,
    replica,
    names,
    events,
    log,
    known,
    logFd: options.logTo.fd,
    async session(wanted = {}) {
      let session = await opened(wanted);
      if (!checked) {
        const zoneOrigin = resolved.origins['database.time_zone'] ?? 'default';
        const zone = await assertSchema(session, names, { zoneGiven: zoneOrigin !== 'default' });
        if (zone !== config.database.time_zone) {
          // The confirmed zone of an adopted table; a node that names none uses the fleet's.
          if (isNode) {
            const changes = [{ key: 'database.time_zone', from: config.database.time_zone, to: zone }];
            events.emit('settings:changed', { changes });
          }
          config.database.time_zone = zone;
          resolved.origins['database.time_zone'] = 'fleet';
          open.delete(session);
          await session.close();
          session = await opened(wanted);
        }
        const rows = await readSettings(session, names);
        fleet.obey(rows);
        writer?.learn(namedHosts(rows));
        if (isNode) await tellPromise(session, events, config.master.heartbeat_timeout);
        checked = true;
      }
      return session;
    },
    producer() {
      producer ??= this.session({ multiStatements: true }).then((session) => new Producer(session, names, config));
      producer.catch(() => {
        producer = undefined;
      });
      return producer;
    },
    async close() {
      clearInterval(recheck);
      await (await producer?.catch(() => undefined))?.close();
      await replica?.close();
      const closing = [...open];
      open.clear();
      await Promise.all(closing.map((session) => session.close()));
      deafen?.();
      detach();
    },
  };
  return context;
}

/** @throws AfdError E_CONFIG when none is configured */
export function addressOf({ address }: Pick<Context, 'address'>): DatabaseAddress {
  if (address === undefined) throw noDatabase();
  return address;
}

/** Of a private server that does not listen: what it is, and how it is started. Any other error stays as it is. */
function stoppedServer(error: unknown): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const { driverCode } = error;
  if (driverCode !== 'ENOENT' && driverCode !== 'ECONNREFUSED') return error;
  return new DatabaseError('E_DATABASE', 'The private server of this folder (.afd) is not running.', {
    retry: 'connection',
    driverCode,
    suggestions: ['afd db start'],
    cause: error,
  });
}
