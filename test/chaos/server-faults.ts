// What the server does to the sessions of the fleet without going away: as an administrator, another program or a failover
// would have it. Each ends by itself after its time, and at the end of the storm.
import { setTimeout as pause } from 'node:timers/promises';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import type { ChaosFleet } from './fleet.ts';
import { patiently } from './patiently.ts';
import type { FaultKind, Step } from './plan.ts';
import { Random } from './random.ts';
import type { ChaosServer } from './server.ts';

/** What a global becomes, and what it is set back to. */
type Globals = Array<[name: string, bad: string | number, good: string | number]>;

const READ_ONLY: Globals = [['read_only', 1, 0]];
const ODD: Globals = [
  ['autocommit', 0, 1],
  ['sql_select_limit', 1, 'DEFAULT'],
];
/**
 * `odd-globals`: what each new session inherits. afd's own sessions set all of these when they connect, so nothing must
 * come of it: an acknowledged task is there, and no statement of a fleet that works ends after a millisecond.
 */
const GLOBALS: Partial<Record<FaultKind, Record<ServerKind, Globals>>> = {
  'read-only': { mariadb: READ_ONLY, mysql: READ_ONLY },
  // MariaDB has none.
  'offline-mode': { mariadb: [], mysql: [['offline_mode', 1, 0]] },
  'odd-globals': {
    mariadb: [...ODD, ['max_statement_time', '0.001', 0]],
    mysql: [...ODD, ['max_execution_time', 1, 0]],
  },
};

export const isGlobal = (kind: FaultKind): boolean => kind in GLOBALS;

/** False: this kind of server has no such setting. */
export const hasGlobal = (kind: FaultKind, server: ServerKind): boolean => (GLOBALS[kind]?.[server] ?? []).length > 0;

/**
 * Sets globals, waits, sets them back. A server that was killed meanwhile has forgotten them by itself; one that does not
 * answer is asked again. @throws Error when they cannot be set back
 */
export async function withGlobals(server: ChaosServer, kind: FaultKind, during: () => Promise<void>): Promise<void> {
  const set = (which: 1 | 2) =>
    asRoot(server, async (root) => {
      for (const one of GLOBALS[kind]?.[server.kind] ?? []) await root.query(`SET GLOBAL ${one[0]} = ${one[which]}`);
    });
  try {
    await set(1);
    await during();
  } finally {
    await patiently(
      () => set(2),
      () => true,
    );
  }
}

/** KILL QUERY of whatever the fleet's sessions are at, again and again until `over`. */
export async function killQueries(server: ChaosServer, fleet: ChaosFleet, { aim }: Step, over: () => boolean) {
  const random = new Random(Math.round(aim * 2 ** 31));
  let killed = 0;
  await asRoot(server, async (root) => {
    while (!over()) {
      const [rows] = await root.query<Array<RowDataPacket & { id: number }>>(
        `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = ? AND COMMAND = 'Query' AND ID <> CONNECTION_ID()`,
        [fleet.schema],
      );
      if (rows.length > 0) {
        // It may have ended by itself meanwhile: an error of this statement alone.
        await root.query(`KILL QUERY ${random.pick(rows).id}`).catch(() => {});
        killed += 1;
      }
      await pause(random.int(5, 60));
    }
  });
  return killed;
}

/** No session of afd's: that refuses a server which is read-only. */
async function asRoot(server: ChaosServer, work: (root: Connection) => Promise<void>): Promise<void> {
  const root = await mysql.createConnection({ ...server.root, connectTimeout: 5000 } as mysql.ConnectionOptions);
  // What it reports besides is the error of a statement too.
  root.on('error', () => {});
  try {
    // Globals that a storm has made odd are not for those who set them back.
    await root.query('SET SESSION autocommit = 1');
    await work(root);
  } finally {
    root.destroy();
  }
}
