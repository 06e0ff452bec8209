import { statfs } from 'node:fs/promises';
import { arch, cpus, platform, release } from 'node:os';
// A part of it: the whole takes a tenth of the CPU time until a worker begins.
import { mem } from 'systeminformation/lib/memory.js';
import type { DeviceReadings } from '../db/devices/heartbeat-device.ts';
import { sleep } from '../runtime/loop.ts';

/** Of the first reading of the processors, in milliseconds; the others are since the one before. */
const FIRST_MS = 200;

/**
 * Readings of this machine, refreshed in the background so that a slow disk never delays a heartbeat. A reading that
 * fails is null: the heartbeat counts, the reading does not.
 */
export class DeviceProbe {
  #readings: DeviceReadings = { cpu_usage: null, memory_usage: null, disk_usage: null, system_info: null };
  #refreshing: Promise<void> | undefined;
  #processors: { all: number; idle: number } | undefined;

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
    const [cpu_usage, memory, disk_usage] = await Promise.all([this.#cpuUsage(), orNull(mem()), orNull(diskUsage())]);
    this.#readings = {
      cpu_usage,
      memory_usage: memory === null ? null : ((memory.total - memory.available) / memory.total) * 100,
      disk_usage,
      system_info: {
        ...{ platform: platform(), release: release(), arch: arch() },
        memory_total: memory?.total ?? null,
      },
    };
  }

  /**
   * Per cent of the processors' time that was in use since the last reading. Not by systeminformation, which starts a shell for
   * it and waits, in the thread that keeps the node alive.
   */
  async #cpuUsage(): Promise<number | null> {
    if (this.#processors === undefined) {
      this.#processors = processorTimes();
      await sleep(FIRST_MS);
    }
    const [before, now] = [this.#processors, processorTimes()];
    this.#processors = now;
    const all = now.all - before.all;
    return all <= 0 ? this.#readings.cpu_usage : Math.max(0, 1 - (now.idle - before.idle) / all) * 100;
  }
}

/** Milliseconds since the machine was started, of all processors. */
function processorTimes(): { all: number; idle: number } {
  const times = cpus().map((one) => one.times);
  const sum = (values: number[]) => values.reduce((total, one) => total + one, 0);
  return { all: sum(times.map((one) => sum(Object.values(one)))), idle: sum(times.map(({ idle }) => idle)) };
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
