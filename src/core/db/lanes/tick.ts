// What a node sees of itself and of the work, once a second, in one round trip.
import type { DeviceView } from '../../domain/placement/device-view.ts';
import { type OpenAssignment, openOf } from '../attempts/open-assignments.ts';
import { deviceView, deviceViewsStatement } from '../devices/device-views.ts';
import { type LeaseRow, leaseOf } from '../leader/read-lease.ts';
import { isOverLimit } from '../server/statement-limit.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { type PublishedLane, publishedLaneOf } from './published-lanes.ts';
import { type TickAsk, tickStatement } from './tick-statement.ts';

export interface TickView {
  /** Undefined = the device row is gone. */
  device: { operator_state: string; status: string } | undefined;
  /** Undefined = the leader row is missing. */
  lease: LeaseRow | undefined;
  /** Indexes into the lanes and ranks that were asked; undefined = the poll took too long, and nothing is known of them. */
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
    if (ask.ranks === undefined || !isOverLimit(error)) throw error;
    return { ...(await view(session, names, { ...ask, ranks: undefined })), due: undefined };
  }
}

async function view(session: Session, names: TableNames, ask: TickAsk): Promise<TickView & { due: number[] }> {
  const { sql, values } = tickStatement(session, names, ask);
  const others = ask.devicesOf === undefined ? [] : [deviceViewsStatement(names, ask.devicesOf)];
  const [rows = [], devices] = await session.batch([{ sql, values }, ...others]);
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
