// A replicated database under the storm: three members of a group, a MariaDB primary with its replica, or three nodes of Galera,
// as scripts outside the project start them (test/helpers/cluster.ts).
import { setTimeout as pause } from 'node:timers/promises';
import mysql, { type ConnectionOptions, type RowDataPacket } from 'mysql2/promise';
import type { DatabaseAddress } from '../../src/core/db/address.ts';
import { cluster } from '../helpers/cluster.ts';
import { until } from '../helpers/wait.ts';
import { recoverPositions, withFleetsWriter } from './galera.ts';
import type { MemberFault } from './plan.ts';
import type { ChaosServer, Topology } from './server.ts';

/** Of the helper: semi-sync is a pair. */
const KINDS = { group: 'group', semisync: 'pair', galera: 'galera' } as const;
/** Milliseconds after which the replica of a killed primary is promoted, as a tool beside it would do. */
const PROMOTE_MS = 1000;
const CATCH_UP_S = 10;
/** Of a node of Galera, until it has joined. */
const STARTS = 3;
/** A node of Galera ends its sessions first. */
const LEAVE_MS = 60_000;

/** One that read_only does not stop goes on writing to the former primary of a switchover. */
const MARIADB_RIGHTS = "GRANT ALL ON *.* TO 'afd'@'%'; REVOKE READ_ONLY ADMIN ON *.* FROM 'afd'@'%'";
const TRUST = 'SET PERSIST log_bin_trust_function_creators = 1';

export async function clusterServer(topology: Topology): Promise<ChaosServer> {
  const found = await cluster(KINDS[topology]);
  const one = topology === 'galera' ? withFleetsWriter(found) : found;
  const members = one.address.members as Array<DatabaseAddress & { host: string; port: number }>;
  const kind = topology === 'group' ? 'mysql' : 'mariadb';
  // The account of a fleet may do everything in schemas of its own; of MariaDB it has one schema alone.
  if (kind === 'mariadb') await one.tell('sql', String(await one.primary()), '-e', MARIADB_RIGHTS);
  // The triggers that record what happens are made by that account, which is not root.
  else for (const n of [1, 2, 3]) await one.tell('sql', String(n), '-e', TRUST);
  const first = { ...members[0]!, members };
  let paused: number | undefined;
  // A server that is alone, or from which another is being made anew, is no target: what it acknowledges is promised by no setting.
  let mending: Promise<unknown> = Promise.resolve();
  let whole = () => {};

  /** Starts what is missing, and wakes what is frozen. */
  async function begin(tries = STARTS): Promise<void> {
    if (topology === 'galera') await recoverPositions(one);
    try {
      await one.tell('start');
    } catch (cause) {
      // A node that finds no majority, since another was frozen when it left, gives up after 30 s and ends: systemd would start it again.
      if (topology !== 'galera' || tries === 1) throw cause;
      await begin(tries - 1);
    }
  }

  /**
   * A promoted server of a pair is alone until the other follows it again: what it acknowledges meanwhile is promised by no setting. A storm
   * that kills it then would find what is known.
   */
  async function caughtUp(): Promise<void> {
    if (topology !== 'semisync') return;
    const primary = await until(() => one.primary());
    const place = await one.tell('sql', String(primary), '-e', 'SELECT @@gtid_binlog_pos');
    const wait = `SELECT MASTER_GTID_WAIT('${place.trim()}', ${CATCH_UP_S})`;
    const follows = () => one.tell('sql', String(3 - primary), '-e', wait).then((answer) => answer.trim() === '0');
    // One that had committed what the new primary never saw does not follow until it is made anew.
    for (let tries = 0; !(await follows().catch(() => false)); tries += 1) {
      if (tries === 3) throw new Error(`Server ${3 - primary} of the pair does not follow server ${primary}.`);
      await one.tell('start');
    }
  }

  /** The writer of Galera leaves in order, and comes back; which one is the writer is what afd decides. */
  async function switchover(gone: (member: number) => void): Promise<void> {
    // Only a whole one can be moved: what was done before may not be over.
    await begin();
    if (topology === 'galera') {
      const n = await one.signal('SIGTERM');
      const runs = () =>
        one.tell('pid', String(n)).then(
          () => true,
          () => false,
        );
      await until(async () => !(await runs()), LEAVE_MS, `the end of node ${n}`);
      gone(n - 1);
      await begin();
    } else await one.tell('switchover');
    await caughtUp();
  }

  /** The pair has one secondary, without which its primary stops; a member can be cut off where each has a network of its own. */
  async function hurt(fault: MemberFault, ms: number): Promise<boolean> {
    const count = topology === 'semisync' ? 2 : 3;
    const primary = await one.primary();
    if (primary === undefined || (fault === 'stop-majority' && count < 3)) return false;
    if (fault === 'cut-primary') {
      if (topology !== 'group' || process.env.MYSQL_GROUP_NET !== '1') return false;
      await one.tell('cut-group', String(primary));
      await pause(ms);
      await one.tell('mend', String(primary));
      await begin();
      return true;
    }
    const others = [1, 2, 3].slice(0, count).filter((n) => n !== primary);
    const hit = fault === 'stop-majority' ? others : others.slice(0, 1);
    for (const n of hit) await one.signalMember(n, fault === 'kill-secondary' ? 'SIGKILL' : 'SIGSTOP');
    await pause(ms);
    if (fault !== 'kill-secondary') for (const n of hit) await one.signalMember(n, 'SIGCONT');
    await begin();
    await caughtUp();
    return true;
  }

  return {
    ...{ kind, topology, members },
    ...{ address: first, fleet: first, root: first },
    async kill() {
      await mending.catch(() => {});
      mending = new Promise<void>((resolve) => {
        whole = resolve;
      });
      return (await one.signal('SIGKILL')) - 1;
    },
    async replaced(member) {
      try {
        if (topology === 'semisync') {
          await pause(PROMOTE_MS);
          await one.tell('promote', String(2 - member));
        }
        await one.replaced(member + 1);
      } catch (cause) {
        // start() is not reached then, and the next step would wait for it without end.
        whole();
        throw cause;
      }
    },
    start: () => begin().then(caughtUp).finally(whole),
    async pause() {
      paused = await one.signal('SIGSTOP');
    },
    async resume() {
      if (paused !== undefined) await one.signalMember(paused, 'SIGCONT');
      // A primary that was replaced meanwhile comes back as a member.
      await begin();
    },
    move(gone) {
      const moved = mending.catch(() => {}).then(() => switchover(gone));
      mending = moved;
      return moved;
    },
    hurt,
    boots: () => Promise.all(members.map(bootOfMember)),
    stop: () => one.stop(),
  };
}

/** Which run of which server this is, as it stands in the events; undefined = it does not answer. No session of afd's: most are read-only. */
async function bootOfMember({ host, port, user, password }: DatabaseAddress): Promise<number | undefined> {
  const at = { host, port, user, password, connectTimeout: 2000 } as ConnectionOptions;
  try {
    const connection = await mysql.createConnection(at);
    const [rows] = await connection.query<Array<RowDataPacket & { boot: number }>>('SELECT UUID_SHORT() >> 24 AS boot');
    connection.destroy();
    return Number(rows[0]?.boot);
  } catch {
    return undefined;
  }
}
