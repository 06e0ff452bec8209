import si from 'systeminformation';
import type { DeviceReadings } from '../db/queries/heartbeat-device.ts';

/**
 * Readings of this machine, refreshed in the background so that a slow disk never delays a heartbeat. A reading that
 * fails is null: the heartbeat counts, the reading does not.
 */
export class DeviceProbe {
  #readings: DeviceReadings = { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null };
  #refreshing: Promise<void> | undefined;

  /** The last readings known; starts a refresh for the next call. */
  read(): DeviceReadings {
    void this.refresh();
    return this.#readings;
  }

  /** Takes new readings; calls while one runs share it. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#take().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #take(): Promise<void> {
    const [load, memory, disks, os] = await Promise.all([
      orNull(si.currentLoad()),
      orNull(si.mem()),
      orNull(si.fsSize()),
      orNull(si.osInfo()),
    ]);
    const disk = disks?.find((one) => one.mount === '/') ?? disks?.[0];
    this.#readings = {
      cpu_usage: load?.currentLoad ?? null,
      memory_usage: memory === null ? null : ((memory.total - memory.available) / memory.total) * 100,
      disk_usage: disk?.use ?? null,
      system_info:
        os === null
          ? null
          : { platform: os.platform, release: os.release, arch: os.arch, memory_total: memory?.total ?? null },
    };
  }
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
