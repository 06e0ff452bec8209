import { isConnectionLost } from '../db/database-error.ts';
import { recordHeartbeat } from '../db/queries/heartbeat-device.ts';
import { readSettings } from '../db/queries/read-settings.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import type { DeviceProbe } from './device-probe.ts';
import type { LivenessReport } from './liveness-messages.ts';

/**
 * What a heartbeat carries along: its row in the history, and a look at the fleet's settings. Best effort: a failure is
 * told and ends nothing. @throws DatabaseError when the connection was lost
 */
export async function besideHeartbeat(
  session: Session,
  names: TableNames,
  beat: { device_id: string; active_tasks: number; readings: ReturnType<DeviceProbe['read']> },
  report: (report: LivenessReport) => void,
): Promise<void> {
  const tried = async (failed: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (isConnectionLost(error)) throw error;
      report({ kind: 'warning', message: `${failed}: ${(error as Error).message}` });
    }
  };
  await tried("The heartbeat's history row was not written", () =>
    recordHeartbeat(session, names, beat.device_id, beat.active_tasks, beat.readings),
  );
  await tried("The fleet's settings were not read; those of before hold", async () =>
    report({ kind: 'settings', rows: await readSettings(session, names) }),
  );
}
