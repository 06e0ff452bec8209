// Claims of several devices behind a gateway, in one transaction: the locks of batch 1 decide, as in finish-and-claim.ts, and each
// task that is taken is one device's, under its own claim token. Its lock order and indexes are those of that transaction.
import { assertCounts } from '../claim/assert-counts.ts';
import { type ClaimPermission, permissionOf } from '../claim/claim-permission.ts';
import { returnTicket } from '../claim/claim-ticket.ts';
import type { ClaimedTask } from '../claim/claimed-task.ts';
import { BEGIN, COMMIT, RETURN_TICKET, takeTicket } from '../claim/statements.ts';
import { type ClaimRequest, firstRead, type SourceYield, takeTasks } from '../claim/take-tasks.ts';
import type { Row, Session } from '../session.ts';
import type { TableNames } from '../table-names.ts';
import { rollback } from '../transaction.ts';
import { attemptIds, claimsOfDevices, type DeviceClaim, readPermissions } from './device-claim-statements.ts';

/** `limit`: of all devices together. `admit` says nothing of devices, and defers nothing. */
export type SharedClaim = Omit<ClaimRequest, 'claim_token' | 'free' | 'short' | 'alone'>;

export interface ClaimsForDevices {
  /** In the order of the devices. */
  permissions: ClaimPermission[];
  claimed: ClaimedTask[][];
  /** All of them, by source. */
  taken: ClaimedTask[];
  perSource: SourceYield[];
}

/** Runs the transaction once. Tasks go to the first device until it has enough. @throws DatabaseError: rolled back, unless its outcome is unknown */
export async function claimForDevices(
  session: Session,
  names: TableNames,
  devices: DeviceClaim[],
  claim: SharedClaim,
): Promise<ClaimsForDevices> {
  try {
    const [first] = claim.sources;
    const ticket =
      claim.ticket && first?.kind === 'lane' ? [RETURN_TICKET, takeTicket(names, first, Math.random())] : [];
    const batch = [...ticket, BEGIN, readPermissions(names, devices), ...firstRead(names, claim as ClaimRequest)];
    const results = (await session.batch(batch)).slice(ticket.length);
    const rows = new Map((results[1] as Row[]).map((row) => [String(row.device_id).toLowerCase(), row]));
    const permissions = devices.map((one) => permissionOf(rows.get(one.device_id.toLowerCase()), one.instance_token));
    const taken: ClaimedTask[] = [];
    const owners: number[] = [];
    const left = devices.map((one, n) => (permissions[n] === 'open' ? one.limit : 0));
    const admit: ClaimRequest['admit'] = (task, source, index) => {
      const admission = claim.admit(task, source, index);
      const owner = left.findIndex((one) => one > 0);
      if (admission !== 'record' || owner === -1) return admission === 'record' ? 'stop' : admission;
      left[owner]! -= 1;
      owners.push(owner);
      return admission;
    };
    const may = left.some((one) => one > 0);
    const request = { ...claim, admit } as ClaimRequest;
    const perSource = may ? await takeTasks(session, names, request, results.at(-1)!, taken) : [];
    const statements = claimsOfDevices(
      names,
      taken.map((task, n) => ({ task, owner: devices[owners[n]!]! })),
    );
    const ended = await session.batch([...statements, COMMIT, ...(claim.ticket ? [RETURN_TICKET] : [])]);
    assertCounts(statements, ended);
    const claimed: ClaimedTask[][] = devices.map(() => []);
    const ids = attemptIds(ended[statements.length - 1], taken);
    for (const [n, task] of taken.entries()) {
      claimed[owners[n]!]!.push(Object.assign(task, { assignment_id: ids.get(task.id)! }));
    }
    return { permissions, claimed, taken, perSource };
  } catch (error) {
    await rollback(session);
    if (claim.ticket) await returnTicket(session);
    throw error;
  }
}
