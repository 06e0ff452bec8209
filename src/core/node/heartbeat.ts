import { isConnectionLost } from '../db/database-error.ts';
import {
  type Beat,
  type DeviceReadings,
  heartbeatDevice,
  heartbeatStatement,
  historyStatement,
} from '../db/devices/heartbeat-device.ts';
import { onlineCountStatement } from '../db/devices/online-count.ts';
import type { Session } from '../db/session.ts';
import { settingRow, settingsStatement } from '../db/settings/read-settings.ts';
import type { TableNames } from '../db/table-names.ts';
import type { LivenessReport } from './liveness-messages.ts';

/**
 * The heartbeat, and in the same batch what goes along with it: its row in the history, and a read of the fleet's
 * settings. Only the heartbeat counts: when one of the others fails it is sent again by itself, and they are tried one
 * by one; what fails then is reported. False = another instance owns the id, or the row is gone. @throws DatabaseError
 */
export async function sendHeartbeat(
  session: Session,
  names: TableNames,
  beat: Beat,
  readings: DeviceReadings,
  report: (report: LivenessReport) => void,
): Promise<boolean> {
  const { writer } = session.options;
  const statements = [
    heartbeatStatement(names, beat),
    historyStatement(names, beat, readings),
    settingsStatement(names),
    // Where the writer may move, and all of them at once to another.
    ...(writer === undefined ? [] : [onlineCountStatement(names)]),
  ];
  try {
    const [lived, , settings, count] = await session.batch(statements);
    const devices = count === undefined ? undefined : Number(count[0]?.n);
    if (writer !== undefined && devices !== undefined) writer.devices = devices;
    if (lived?.affectedRows === 1) report({ kind: 'settings', rows: settings!.map(settingRow), devices });
    return lived?.affectedRows === 1;
  } catch (error) {
    if (isConnectionLost(error)) throw error;
  }
  if (!(await heartbeatDevice(session, names, beat))) return false;
  const tried = async (failed: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (isConnectionLost(error)) throw error;
      report({ kind: 'warning', message: `${failed}: ${(error as Error).message}` });
    }
  };
  await tried('The history row of the heartbeat was not written', async () => {
    const { sql, values } = historyStatement(names, beat, readings);
    await session.write(sql, values);
  });
  await tried('The fleet-wide settings were not read; the previous values stay in effect', async () =>
    report({ kind: 'settings', rows: (await session.rows(settingsStatement(names).sql)).map(settingRow) }),
  );
  return true;
}
