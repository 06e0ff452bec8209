import type { DeviceView } from '../../domain/placement/device-view.ts';
import type { Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { deviceView, deviceViewsStatement } from './device-views.ts';
import { dueStatement, dueWork, type LanePair } from './due-work.ts';
import { type OpenAssignment, openAssignment, openAssignmentsStatement } from './open-assignments.ts';

/** What a node sees of itself and of the work, once a second. */
export interface TickView {
  /** Undefined = the device row is gone. */
  device: { operator_state: string; status: string; instance_token: Buffer | null } | undefined;
  leader: { holder: string | null; term: number; live: boolean };
  /** Indexes into the pairs that were asked. */
  due: number[];
  /** Tasks directed at this device are due. */
  directed: boolean;
  /** Published by the leader. */
  lanes: Array<LanePair & { task_type: string; required_capabilities: string | null; able: number | null; due: 0 | 1 }>;
  open: OpenAssignment[] | undefined;
  /** Every worker of the fleet, when it was asked for. */
  devices: DeviceView[] | undefined;
}

/**
 * One packet, no lock: own device row, the leader, what is due in the given pairs (literal values, one LIMIT 1 branch
 * each: joins and GROUP BY read every pending row), tasks directed at this device, the published lanes, and, when
 * `withOpen`, the device's open assignments; with `devicesOf`, the heartbeat_timeout in seconds, the fleet's devices.
 */
export async function tick(
  session: Session,
  names: TableNames,
  ask: { device_id: string; pairs: LanePair[]; withOpen: boolean; devicesOf?: number | undefined },
): Promise<TickView> {
  const [own, leaders, due, lanes, ...others] = await session.packet([
    {
      sql: `SELECT operator_state, status, instance_token FROM ${names.device} WHERE device_id = ?`,
      values: [ask.device_id],
    },
    {
      sql: `SELECT holder, term, COALESCE(expires_at > UTC_TIMESTAMP(3), 0) AS live FROM ${names.leader} WHERE name = 'leader'`,
    },
    dueStatement(names, ask.device_id, ask.pairs),
    {
      sql: `SELECT lane, claim_rank, task_type, required_capabilities, able, head_due_at <= NOW(3) AS due
            FROM ${names.lane}
            ORDER BY claim_rank, head_due_at LIMIT 1000`,
    },
    ...(ask.withOpen ? [openAssignmentsStatement(names, ask.device_id)] : []),
    ...(ask.devicesOf === undefined ? [] : [deviceViewsStatement(names, ask.devicesOf)]),
  ]);
  const open = ask.withOpen ? others.shift() : undefined;
  const leader = leaders?.[0];
  return {
    device: own?.[0] as TickView['device'],
    leader: { holder: leader?.holder ?? null, term: Number(leader?.term ?? 0), live: leader?.live === 1 },
    ...dueWork(due ?? []),
    lanes: (lanes ?? []) as unknown as TickView['lanes'],
    open: open?.map(openAssignment),
    devices: others.shift()?.map(deviceView),
  };
}
