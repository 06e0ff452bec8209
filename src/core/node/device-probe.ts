import { statfs } from 'node:fs/promises';
import si from 'systeminformation';
import type { DeviceReadings } from '../db/devices/heartbeat-device.ts';

/**
 * Readings of this machine, refreshed in the background so that a slow disk never delays a heartbeat. A reading that
 * fails is null: the heartbeat counts, the reading does not.
 */
export class DeviceProbe {
  #readings: DeviceReadings = { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null };
  #refreshing: Promise<void> | undefined;

  /** The last readings known. */
  get last(): DeviceReadings {
    return this.#readings;
  }

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

  /** Resolves when no reading is being taken. */
  async idle(): Promise<void> {
    await this.#refreshing;
  }

  async #take(): Promise<void> {
    const before = this.#readings;
    const [load, memory, disk_usage, system] = await Promise.all([
      orNull(si.currentLoad()),
      orNull(si.mem()),
      orNull(diskUsage()),
      before.system_info ?? orNull(si.osInfo()),
    ]);
    this.#readings = {
      cpu_usage: load?.currentLoad ?? null,
      memory_usage: memory === null ? null : ((memory.total - memory.available) / memory.total) * 100,
      disk_usage,
      system_info:
        system === null
          ? null
          : {
              platform: system.platform,
              release: system.release,
              arch: system.arch,
              memory_total: memory?.total ?? null,
            },
    };
  }
}

/**
 * Per cent of the disk of `/` that are in use, as df counts: of what is not kept for root. Not by systeminformation, which starts
 * df for it, with each heartbeat of each worker: a tenth of what an idle worker costs.
 */
async function diskUsage(): Promise<number> {
  const { blocks, bfree, bavail } = await statfs('/');
  const used = blocks - bfree;
  return (used / (used + bavail)) * 100;
}

async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
