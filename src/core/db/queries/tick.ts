// What a node sees of itself and of the work, once a second: one statement, a UNION ALL of one small branch per question,
// no lock. Literal values and LIMIT 1 for what is due (joins and GROUP BY read every pending row); the others by PRIMARY,
// idx_device_id, and af_lane, which is small. A branch without rows: nothing is due there, nothing is new, nothing is open.
import type { DeviceView } from '../../domain/placement/device-view.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { deviceView, deviceViewsStatement } from './device-views.ts';
import { directedBranch, dueBranch, type LanePair } from './due-work.ts';
import { type OpenAssignment, openDocument, openOf } from './open-assignments.ts';
import { type PublishedLane, publishedLaneOf, publishedLanesDocument } from './published-lanes.ts';
import { type LeaseRow, leaseDocument, leaseOf } from './read-lease.ts';
import { isBrokenOff, limited } from './statement-limit.ts';

/** A look for due tasks takes about a millisecond. One that reads over what others have not committed must not hold up the rest. */
const LOOK_LIMIT_MS = 300;

export interface TickAsk {
  device_id: string;
  /** Looked at for due tasks; undefined = no look this time, not even for directed ones. */
  pairs: LanePair[] | undefined;
  /** The server breaks a tick with a look off after so many milliseconds; 300 unless said. */
  lookLimitMs?: number;
  /** Lanes of these types that were published and are not known as they are now. */
  lanes: { types: string[]; known: Array<LanePair & { able: number | null }> };
  withOpen: boolean;
  /** Seconds that must have passed since a start of the server before its locks say anything. */
  trustAfterStartS: number;
  /** heartbeat_timeout in seconds: asks for the fleet's devices too, in a second statement. */
  devicesOf?: number | undefined;
}

export interface TickView {
  /** Undefined = the device row is gone. */
  device: { operator_state: string; status: string } | undefined;
  /** Undefined = the leader row is missing. */
  lease: LeaseRow | undefined;
  /** Indexes into the pairs that were asked; undefined = the look took too long, and nothing is known of them. */
  due: number[] | undefined;
  /** Tasks directed at this device are due. */
  directed: boolean;
  lanes: PublishedLane[];
  open: OpenAssignment[] | undefined;
  devices: DeviceView[] | undefined;
}

/** @throws DatabaseError */
export async function tick(session: Session, names: TableNames, ask: TickAsk): Promise<TickView> {
  try {
    return await view(session, names, ask);
  } catch (error) {
    if (ask.pairs === undefined || !isBrokenOff(error)) throw error;
    return { ...(await view(session, names, { ...ask, pairs: undefined })), due: undefined };
  }
}

async function view(session: Session, names: TableNames, ask: TickAsk): Promise<TickView & { due: number[] }> {
  const { sql, values } = tickStatement(session, names, ask);
  const others = ask.devicesOf === undefined ? [] : [deviceViewsStatement(names, ask.devicesOf)];
  const [rows = [], devices] = await session.packet([{ sql, values }, ...others]);
  const of = (kind: string) => rows.filter((row: Row) => row.kind === kind);
  const documents = (kind: string) => of(kind).map((row) => JSON.parse(row.doc) as Row);
  const [device, lease] = [documents('device')[0], documents('lease')[0]];
  const due = of('due').map((row) => Number(row.n));
  return {
    device: device as TickView['device'],
    lease: lease === undefined ? undefined : leaseOf(lease),
    due: due.filter((n) => n >= 0),
    directed: due.includes(-1),
    lanes: documents('lane').map(publishedLaneOf),
    open: ask.withOpen ? documents('open').map(openOf) : undefined,
    devices: devices?.map(deviceView),
  };
}

function tickStatement(session: Session, names: TableNames, ask: TickAsk): { sql: string; values: unknown[] } {
  const { device_id, pairs, lanes } = ask;
  const own = `SELECT 'device' AS kind, 0 AS n, JSON_OBJECT('operator_state', operator_state, 'status', status) AS doc
               FROM ${names.device} WHERE device_id = ?`;
  const due = (n: number, from: string) => `SELECT 'due', ${n}, NULL ${from}`;
  const branches = [
    { sql: own, values: [device_id] },
    leaseDocument(session, names, ask.trustAfterStartS),
    publishedLanesDocument(names, lanes),
    ...(pairs === undefined ? [] : [{ sql: due(-1, directedBranch(names)), values: [device_id] }]),
    ...(pairs ?? []).map((pair, n) => ({ sql: due(n, dueBranch(names)), values: [pair.lane, pair.claim_rank] })),
    ...(ask.withOpen ? [openDocument(names, device_id)] : []),
  ];
  const sql = branches.map((one) => `(${one.sql})`).join(' UNION ALL ');
  return {
    sql: pairs === undefined ? sql : limited(sql, ask.lookLimitMs ?? LOOK_LIMIT_MS),
    values: branches.flatMap((one) => one.values),
  };
}
