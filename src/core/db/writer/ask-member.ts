// One member of a replicated database, asked by a connection of its own what it is. It touches no table of afd.
import type { Connection } from 'mysql2';
import type { GroupRow, ServerState } from '../../domain/writer/member-answer.ts';
import { type DatabaseAddress, describeAddress } from '../address.ts';
import { connectionOptions } from '../connection-options.ts';
import { DatabaseError, databaseError } from '../database-error.ts';
import { cut, openConnection } from '../driver.ts';
import { OpenCalls } from '../open-calls.ts';
import type { Row } from '../results.ts';
import { isReadOnly, SERVER_COLUMNS, serverNameOf, startOf } from '../server-facts.ts';

/** Where the server's own limit is low, it takes SHOW … WHERE for a large join. */
const ALLOW = 'SET SESSION sql_big_selects = 1';
const FACTS = `SELECT ${SERVER_COLUMNS}`;
const STATUS = "SHOW STATUS WHERE Variable_name IN ('Uptime', 'wsrep_ready', 'wsrep_cluster_status')";
/** A node of Galera has it ON; other servers do not know it, or have it OFF. */
const IS_NODE = "SHOW GLOBAL VARIABLES LIKE 'wsrep_on'";
/** MariaDB skips the comment; a server without Group Replication has no rows. */
const GROUP = `SELECT 1 AS one /*!80000 , MEMBER_ID AS id, MEMBER_STATE AS state, MEMBER_ROLE AS role
  FROM performance_schema.replication_group_members */`;
/** Of the fleet, and of other programs by its account. Who only asks has no schema. */
const SESSIONS = `SELECT COUNT(*) AS sessions FROM information_schema.PROCESSLIST
  WHERE USER = SUBSTRING_INDEX(USER(), '@', 1) AND DB IS NOT NULL`;
/** The account may not read that table. */
const DENIED = 1142;

/** What this member says, within `deadlineMs` in all. `over` ends the question. @throws DatabaseError */
export async function askMember(
  address: DatabaseAddress,
  deadlineMs: number,
  over?: AbortSignal,
): Promise<ServerState> {
  const where = describeAddress(address);
  const calls = new OpenCalls(where);
  calls.allow(undefined);
  // Without the schema: a member that has not received it yet knows who the writer is.
  const { database: _, ...login } = connectionOptions(address, deadlineMs);
  const options = { ...login, multipleStatements: true };
  const connection = openConnection(options, {
    certifiedHost: address.certifiedHost,
    onBytes(bytes) {
      const tooLong = calls.receive(bytes);
      if (tooLong !== undefined) end();
      if (tooLong !== undefined) calls.fail(tooLong);
    },
  });
  const end = () => cut(connection);
  const enough = () => {
    end();
    calls.fail(new DatabaseError('E_DATABASE', `${where} was not needed any more.`, { retry: 'connection' }));
  };
  connection.on('error', (error) => {
    end();
    calls.fail(databaseError(error, where));
  });
  over?.addEventListener('abort', enough, { once: true });
  try {
    return (await calls.run(
      deadlineMs,
      (done) => {
        read(connection).then((state) => done(null, state), done);
      },
      end,
    )) as ServerState;
  } catch (error) {
    throw databaseError(error, where);
  } finally {
    over?.removeEventListener('abort', enough);
    // Without a word: nothing was begun, and a member that stands still would not hear it.
    end();
  }
}

async function read(connection: Connection): Promise<ServerState> {
  const ask = (sql: string) =>
    new Promise<Row[][]>((resolve, reject) => {
      connection.query(sql, (error: unknown, rows) => (error ? reject(error as Error) : resolve(rows as never)));
    });
  try {
    const state = stateOf(await ask([ALLOW, FACTS, STATUS, IS_NODE, GROUP].join(';\n')));
    if (state.galera === undefined) return state;
    // A statement alone has its rows alone.
    const [row] = (await ask(SESSIONS)) as unknown as Row[];
    return { ...state, galera: { ...state.galera, sessions: Number(row?.sessions) } };
  } catch (error) {
    if ((error as { errno?: number }).errno !== DENIED) throw error;
    return { ...stateOf(await ask([ALLOW, FACTS, STATUS, IS_NODE].join(';\n'))), group: 'hidden' };
  }
}

function stateOf([, facts, status = [], node = [], group = []]: Row[][]): ServerState {
  const row = facts?.[0] ?? {};
  const value = (name: string) => status.find((one) => one.Variable_name === name)?.Value;
  const ready = value('wsrep_ready') === 'ON';
  return {
    server: serverNameOf(row),
    startedMs: startOf(row, value('Uptime')),
    readOnly: isReadOnly(row),
    group: group.filter((one) => one.id !== undefined).map(groupRow),
    galera:
      node[0]?.Value === 'ON'
        ? { ready, primary: value('wsrep_cluster_status') === 'Primary', sessions: 0 }
        : undefined,
  };
}

function groupRow({ id, state, role }: Row): GroupRow {
  return { id: String(id), state: String(state), role: String(role) };
}
