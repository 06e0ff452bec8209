// The lists of the design document (5.2): its keys first.
import type { Context } from '../context/context.ts';
import { type AssignmentRange, type ListedAssignment, listAssignments } from '../db/gateway/list-assignments.ts';
import { type Device, listDevices } from '../devices/devices.ts';
import { AfdError } from '../domain/errors.ts';

export interface AdminDevices {
  devices: Array<
    Pick<
      Device,
      | 'device_id'
      | 'device_name'
      | 'device_type'
      | 'status'
      | 'current_tasks'
      | 'last_heartbeat'
      | 'operator_state'
      | 'via'
    >
  >;
  /** Behind which the list goes on; null = this is the end. */
  next: string | null;
}

/** In the order of their ids. @throws DatabaseError */
export async function adminDevices(
  context: Context,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<AdminDevices> {
  const all = await listDevices(context);
  const order = (id: string) => id.toLowerCase();
  const sorted = all.sort((a, b) => (order(a.device_id) < order(b.device_id) ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter((one) => order(one.device_id) > order(after));
  const devices = rest.slice(0, limit).map((one) => {
    const { device_id, device_name, device_type, status, current_tasks, last_heartbeat, operator_state, via } = one;
    return { device_id, device_name, device_type, status, current_tasks, last_heartbeat, operator_state, via };
  });
  return { devices, next: rest.length > limit ? (devices.at(-1)?.device_id ?? null) : null };
}

export interface Attempts {
  assignments: ListedAssignment[];
  next: number | null;
}

/** @throws AfdError E_USAGE; DatabaseError */
export async function listAttempts(context: Context, range: AssignmentRange): Promise<Attempts> {
  const { status, device_id, limit } = range;
  if (status !== undefined && device_id === undefined && status !== 'assigned' && status !== 'running')
    throw new AfdError('E_USAGE', `A list of attempts with the status ${status} needs a device_id.`);
  const found = await listAssignments(await context.session(), context.names, { ...range, limit: limit + 1 });
  const assignments = found.slice(0, limit);
  return { assignments, next: found.length > limit ? (assignments.at(-1)?.assignment_id ?? null) : null };
}
