// What a gateway says of a device, as the reports that a worker gets from its liveness thread.
import type { WaitAnswer, WireOpenAttempt } from '../../../http/device-contract.ts';
import { AfdError } from '../../domain/errors.ts';
import { openOfWire } from '../../remote/wire.ts';
import type { LivenessReport } from '../liveness-messages.ts';
import type { Waiting } from './device-calls.ts';

type Device = NonNullable<WaitAnswer['device']>;

/** `at`: monotonic ms before it was read. What only lanes have is empty: a gateway knows them. */
export function viewReport(at: number, device: Device, open: WireOpenAttempt[] | undefined): LivenessReport {
  const none = { directed: false, lanes: [], due: [], devices: undefined, leader_lives: true };
  return { kind: 'view', at, view: { ...none, device, open: open?.map(openOfWire) } };
}

export function settingsReport(rows: Array<{ name: string; value?: unknown }>): LivenessReport {
  const settings = rows.map(({ name, value }) => ({ name, value, updated_at: null, updated_by: null }));
  return { kind: 'settings', rows: settings };
}

/** The call that waits would miss work for which there is room now. */
export function isRoomier({ free, without }: Waiting, told: Waiting): boolean {
  return free > 0 && (told.free === 0 || told.without.some((one) => !without.includes(one)));
}

export function superseded(deviceId: string): AfdError {
  const message = `${deviceId} was taken over by a newer process or removed, so this process stops.`;
  return new AfdError('E_SUPERSEDED', message, { suggestions: [`afd devices show ${deviceId}`] });
}
