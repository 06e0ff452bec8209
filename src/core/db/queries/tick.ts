import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';

/** A (lane, rank) that is looked at for due tasks. */
export interface LanePair {
  lane: Buffer;
  claim_rank: number;
}

export interface OpenAssignment {
  assignment_id: number;
  task_id: number;
  claim_token: Buffer;
  revoke_outcome: 'cancelled' | 'released' | null;
  revoked: boolean;
}

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
  lanes: Array<LanePair & { task_type: string; required_capabilities: string | null }>;
  open: OpenAssignment[] | undefined;
}

/**
 * One packet, no lock: own device row, the leader, what is due in the given pairs (literal values, one LIMIT 1 branch
 * each: joins and GROUP BY read every pending row), tasks directed at this device, the published lanes, and, when
 * `withOpen`, the device's open assignments.
 */
export async function tick(
  session: Session,
  names: TableNames,
  ask: { device_id: string; pairs: LanePair[]; withOpen: boolean },
): Promise<TickView> {
  const [devices, leaders, due, lanes, open] = await session.packet([
    {
      sql: `SELECT operator_state, status, instance_token FROM ${names.device} WHERE device_id = ?`,
      values: [ask.device_id],
    },
    {
      sql: `SELECT holder, term, COALESCE(expires_at > UTC_TIMESTAMP(3), 0) AS live FROM ${names.leader} WHERE name = 'leader'`,
    },
    dueStatement(names, ask.device_id, ask.pairs),
    {
      sql: `SELECT lane, claim_rank, task_type, required_capabilities FROM ${names.lane} ORDER BY claim_rank, head_due_at LIMIT 1000`,
    },
    ...(ask.withOpen ? [openAssignmentsStatement(names, ask.device_id)] : []),
  ]);
  const leader = leaders?.[0];
  return {
    device: devices?.[0] as TickView['device'],
    leader: { holder: leader?.holder ?? null, term: Number(leader?.term ?? 0), live: leader?.live === 1 },
    ...dueWork(due ?? []),
    lanes: (lanes ?? []) as unknown as TickView['lanes'],
    open: open?.map(openAssignment),
  };
}

/** The same look alone, between ticks. Returns indexes into `pairs`, and whether tasks directed at the device are due. */
export async function lookForDue(
  session: Session,
  names: TableNames,
  deviceId: string,
  pairs: LanePair[],
): Promise<{ due: number[]; directed: boolean }> {
  const { sql, values } = dueStatement(names, deviceId, pairs);
  return dueWork(await session.rows(sql, values));
}

function dueStatement(names: TableNames, deviceId: string, pairs: LanePair[]) {
  const branches = [
    `(SELECT -1 AS n FROM ${names.task} FORCE INDEX (afd_target) WHERE target_device_id = ? AND status = 'assigned' AND due_at <= NOW(3) LIMIT 1)`,
    ...pairs.map(
      (_, n) =>
        `(SELECT ${n} AS n FROM ${names.task} FORCE INDEX (afd_claim) WHERE status = 'pending' AND lane = ? AND claim_rank = ? AND due_at <= NOW(3) LIMIT 1)`,
    ),
  ];
  return {
    sql: branches.join(' UNION ALL '),
    values: [deviceId, ...pairs.flatMap((one) => [one.lane, one.claim_rank])],
  };
}

function dueWork(rows: Row[]): { due: number[]; directed: boolean } {
  const found = rows.map((row) => Number(row.n));
  return { due: found.filter((n) => n >= 0), directed: found.includes(-1) };
}

function openAssignmentsStatement(names: TableNames, deviceId: string) {
  return {
    sql: `SELECT id, task_id, claim_token, revoked_at, revoke_outcome FROM ${names.assignment} FORCE INDEX (idx_device_id)
          WHERE device_id = ? AND status IN ('assigned', 'running')`,
    values: [deviceId],
  };
}

function openAssignment(row: Row): OpenAssignment {
  return {
    assignment_id: row.id,
    task_id: row.task_id,
    claim_token: row.claim_token,
    revoked: row.revoked_at !== null,
    revoke_outcome: row.revoke_outcome,
  };
}
