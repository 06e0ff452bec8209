// What operators do to devices: each act in one transaction with its row in the audit log.
import { audited } from '../audit/audited.ts';
import { type Removal, removeDevice } from '../db/devices/remove-device.ts';
import { type OperatedDevice, type OperatorState, setOperatorState } from '../db/devices/set-operator-state.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';

/** What an operator can want of a device. */
export type OperatedState = Exclude<OperatorState, 'quarantined'>;

interface At {
  session: Session;
  names: TableNames;
}

const ACT_OF_STATE = { paused: 'pause', active: 'resume', draining: 'drain' } as const;
type Act = (typeof ACT_OF_STATE)[OperatedState] | 'register' | 'remove';

/** Undefined = there is no such device. @throws as setOperatorState */
export function stateAudited(
  at: At,
  deviceId: string,
  { state, expect, by }: { state: OperatedState; expect?: OperatorState | undefined; by: Actor },
): Promise<OperatedDevice | undefined> {
  const set = () => setOperatorState(at.session, at.names, deviceId, state, expect);
  return audited(at, by, set, (done) => {
    if (done === undefined || done.previous === state) return undefined;
    const states = { before: { operator_state: done.previous }, after: { operator_state: state } };
    return deviceEntry(ACT_OF_STATE[state], done.device_id, states);
  });
}

/** Undefined = there is no such device. @throws as removeDevice */
export function removeAudited(
  at: At,
  deviceId: string,
  { by, ...options }: Parameters<typeof removeDevice>[3] & { by: Actor },
): Promise<Removal | undefined> {
  const remove = () => removeDevice(at.session, at.names, deviceId, options);
  return audited(at, by, remove, (done) => {
    if (done?.removed !== true) return undefined;
    const { device_id, alive, open_attempts } = done;
    return deviceEntry('remove', device_id, { before: { alive, open_attempts } });
  });
}

export function deviceEntry(act: Act, deviceId: string, changed: Pick<AuditEntry, 'before' | 'after'>): AuditEntry {
  return { action: `devices.${act}`, object_type: 'device', object_id: deviceId, ...changed };
}
