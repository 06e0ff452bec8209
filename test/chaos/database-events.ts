// The database's own record: triggers write each change of a task, an attempt, the lease or a device into one append-only
// table, in the transaction of the change. afd knows nothing of it.
import type { Row, Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import type { DatabaseEvent, TaskRow } from './check/evidence.ts';

/**
 * UUID_SHORT rises with each call, over restarts too, and holds the second of the server's start; unlike AUTO_INCREMENT it
 * takes no lock that the storm would have to share.
 */
const TABLE = `CREATE TABLE chaos_event (
  seq BIGINT UNSIGNED NOT NULL PRIMARY KEY, at DATETIME(6) NOT NULL, conn BIGINT UNSIGNED NOT NULL,
  tbl VARCHAR(12) NOT NULL, row_id BIGINT NULL, task_id BIGINT NULL, name VARCHAR(191) NULL, device VARCHAR(64) NULL,
  was VARCHAR(16) NULL, now_is VARCHAR(16) NULL, token_was CHAR(32) NULL, token_is CHAR(32) NULL,
  attempt_was INT NULL, attempt_is INT NULL, retry_was INT NULL, retry_is INT NULL, lost_was INT NULL, lost_is INT NULL,
  budget INT NULL, due_was_us BIGINT NULL, due_is_us BIGINT NULL, cause VARCHAR(64) NULL,
  term_was BIGINT NULL, term_is BIGINT NULL, holder_was VARCHAR(64) NULL, holder_is VARCHAR(64) NULL
) ENGINE=InnoDB CHARACTER SET utf8mb4`;

/** The database lets nobody claim a task of this user: a rule of the user's own. */
export const REFUSED = 'refused';

const COMMON = 'seq = UUID_SHORT(), at = UTC_TIMESTAMP(6), conn = CONNECTION_ID()';
const us = (from: string, moment: string) => `TIMESTAMPDIFF(MICROSECOND, ${from}, ${moment})`;
const oldTask = `was = OLD.status, token_was = LOWER(HEX(OLD.claim_token)), attempt_was = OLD.attempt, retry_was = OLD.retry,
  lost_was = OLD.lost_count, due_was_us = ${us('NOW(6)', 'OLD.due_at')}`;
const newTask = `now_is = NEW.status, token_is = LOWER(HEX(NEW.claim_token)), attempt_is = NEW.attempt, retry_is = NEW.retry,
  lost_is = NEW.lost_count, due_is_us = ${us('NOW(6)', 'NEW.due_at')}`;
const taskOf = (row: 'OLD' | 'NEW') =>
  `tbl = 'task', task_id = ${row}.id, name = ${row}.dedupe_key, budget = ${row}.max_retry_count`;
const assignmentOf = (row: 'OLD' | 'NEW') =>
  `tbl = 'assignment', row_id = ${row}.id, task_id = ${row}.task_id, attempt_is = ${row}.attempt, device = ${row}.device_id,
   token_is = LOWER(HEX(${row}.claim_token)), cause = ${row}.cause, due_is_us = ${us('UTC_TIMESTAMP(6)', `${row}.deadline_at`)}`;
const newLeader = `tbl = 'leader', term_is = NEW.term, holder_is = NEW.holder,
  due_is_us = ${us('UTC_TIMESTAMP(6)', 'NEW.expires_at')}`;

/**
 * Needs the right to create triggers; the four tables must be there. `replicated`: UUID_SHORT begins with the number of its
 * server, so the order over several servers is that of AUTO_INCREMENT, and UUID_SHORT says whose run it was.
 */
export async function installTriggers(session: Session, names: TableNames, replicated = false): Promise<void> {
  const common = replicated ? COMMON.replace('seq = UUID_SHORT()', 'boot = UUID_SHORT() >> 24') : COMMON;
  const trigger = (name: string, when: string, table: string, does: string) =>
    session.write(`CREATE TRIGGER chaos_${name} ${when} ON ${table} FOR EACH ROW ${does}`);
  const on = (when: string, table: string, set: string) => {
    const name = `${when.toLowerCase()}_${table.replaceAll('`', '')}`;
    return trigger(name, `AFTER ${when}`, table, `INSERT INTO chaos_event SET ${common}, ${set}`);
  };
  const own = 'seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, boot BIGINT UNSIGNED NOT NULL';
  await session.write(replicated ? TABLE.replace('seq BIGINT UNSIGNED NOT NULL PRIMARY KEY', own) : TABLE);
  const { task, assignment, leader, device } = names;
  const refused = `NEW.username = '${REFUSED}' AND NEW.status = 'running'`;
  const refuse = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'nobody may claim this'";
  await trigger('refuse', 'BEFORE UPDATE', task, `IF ${refused} THEN ${refuse}; END IF`);
  await on('INSERT', task, `${taskOf('NEW')}, ${newTask}`);
  await on('UPDATE', task, `${taskOf('NEW')}, ${oldTask}, ${newTask}`);
  await on('DELETE', task, `${taskOf('OLD')}, ${oldTask}`);
  await on('INSERT', assignment, `${assignmentOf('NEW')}, now_is = NEW.status`);
  await on('UPDATE', assignment, `${assignmentOf('NEW')}, was = OLD.status, now_is = NEW.status`);
  await on('DELETE', assignment, `${assignmentOf('OLD')}, was = OLD.status`);
  const was = `term_was = OLD.term, holder_was = OLD.holder, due_was_us = ${us('UTC_TIMESTAMP(6)', 'OLD.expires_at')}`;
  await on('UPDATE', leader, `${newLeader}, ${was}`);
  await trigger(
    'update_device',
    'AFTER UPDATE',
    device,
    `INSERT INTO chaos_event (${replicated ? 'boot' : 'seq'}, at, conn, tbl, device, was, now_is, token_was, token_is)
     SELECT UUID_SHORT()${replicated ? ' >> 24' : ''}, UTC_TIMESTAMP(6), CONNECTION_ID(), 'device', NEW.device_id, OLD.status, NEW.status,
            LOWER(HEX(OLD.instance_token)), LOWER(HEX(NEW.instance_token)) FROM DUAL
     WHERE NOT (OLD.status <=> NEW.status AND OLD.instance_token <=> NEW.instance_token)`,
  );
}

const PAGE = 20_000;
type ProcOf = (conn: string) => string | undefined;

/** All events, oldest first. `procOf`: whose connection (`boot:id`) it was. */
export async function readEvents(session: Session, procOf: ProcOf, replicated = false): Promise<DatabaseEvent[]> {
  const boot = replicated ? '' : '(seq >> 24) & 4294967295 AS boot, ';
  const events: DatabaseEvent[] = [];
  for (let after = '0'; ; ) {
    const rows = await session.rows(
      `SELECT CAST(seq AS CHAR) AS place, ${boot}e.* FROM chaos_event e
       WHERE seq > CAST(? AS UNSIGNED) ORDER BY seq LIMIT ${PAGE}`,
      [after],
    );
    for (const row of rows) events.push(eventOf(row, events.length, procOf));
    if (rows.length < PAGE) return events;
    after = rows.at(-1)!.place as string;
  }
}

/** Which run of the server this is, as it stands in the events. */
export async function bootOf(session: Session): Promise<number> {
  const [row] = await session.rows<{ boot: number }>('SELECT (UUID_SHORT() >> 24) & 4294967295 AS boot');
  return Number(row?.boot);
}

type Text = string | null;

function eventOf(row: Row, n: number, procOf: ProcOf): DatabaseEvent {
  const conn = `${row.boot}:${row.conn}`;
  const recorded = { n, at: Date.parse(`${String(row.at).replace(' ', 'T')}Z`), conn, proc: procOf(conn) };
  const seconds = (value: unknown) => (value === null ? null : Number(value) / 1e6);
  const status = (value: unknown) => (value === null ? undefined : String(value));
  const [was, now] = [status(row.was), status(row.now_is)];
  if (row.tbl === 'task') {
    const side = (of: 'was' | 'is', found: string | undefined): TaskRow | undefined =>
      found === undefined
        ? undefined
        : {
            ...{ status: found, attempt: Number(row[`attempt_${of}`]), token: row[`token_${of}`] as Text },
            ...{ retry: Number(row[`retry_${of}`] ?? 0), lost_count: Number(row[`lost_${of}`]) },
            ...{ budget: row.budget as number | null, due_in_s: seconds(row[`due_${of}_us`]) ?? 0 },
          };
    const task = { table: 'task', task: Number(row.task_id), key: row.name as Text } as const;
    return { ...recorded, ...task, was: side('was', was), now: side('is', now) };
  }
  if (row.tbl === 'assignment') {
    return {
      ...{ ...recorded, table: 'assignment', id: Number(row.row_id), task: Number(row.task_id) },
      ...{ attempt: Number(row.attempt_is), token: String(row.token_is), device: String(row.device) },
      ...{ was, now, cause: row.cause as Text, deadline_in_s: seconds(row.due_is_us) ?? 0 },
    };
  }
  if (row.tbl === 'leader') {
    const side = (of: 'was' | 'is') => ({
      ...{
        holder: row[`holder_${of}`] as Text,
        term: Number(row[`term_${of}`]),
        lease_s: seconds(row[`due_${of}_us`]),
      },
    });
    return { ...recorded, table: 'leader', was: side('was'), now: side('is') };
  }
  const side = (of: 'was' | 'is') => ({
    ...{ status: String(of === 'was' ? row.was : row.now_is), instance: row[`token_${of}`] as Text },
  });
  return { ...recorded, table: 'device', device: String(row.device), was: side('was'), now: side('is') };
}
