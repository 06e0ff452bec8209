import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, SHARE_ENV, Worker as Thread } from 'node:worker_threads';
import type { HandlerFolders } from '../module-folders.ts';
import { CELL, type ThreadModule, type ThreadSettings } from './handler-thread-messages.ts';

/** Node 20 starts no .ts file in a thread: code that runs from src uses the built entry. */
const ENTRY = import.meta.url.endsWith('.ts')
  ? '../../../../dist/core/handlers/thread/handler-thread-entry.js'
  : './handler-thread-entry.js';

export interface SpawnOptions {
  modules: ThreadModule[];
  base_dir: string;
  folders?: HandlerFolders | undefined;
  /** A handler that goes on for this long after its abort ends its thread; cleaning up may take as long. */
  graceMs: number;
  /** Megabytes of its heap; undefined = Node's usual limit. */
  heapMb?: number | undefined;
}

export interface SpawnedThread {
  thread: Thread;
  /** Not the thread's parentPort: that one belongs to the modules. */
  port: MessagePort;
  cells: Int32Array;
}

/** Starts a thread that loads these modules. It shares the environment with this process, as modules always have. */
export function spawnHandlerThread({ modules, base_dir, folders, graceMs, heapMb }: SpawnOptions): SpawnedThread {
  const { port1, port2 } = new MessageChannel();
  const cells = new SharedArrayBuffer(Object.keys(CELL).length * Int32Array.BYTES_PER_ELEMENT);
  const settings: ThreadSettings = { port: port2, base_dir, folders, modules, cleanUpMs: graceMs, cells };
  const thread = new Thread(fileURLToPath(new URL(ENTRY, import.meta.url)), {
    workerData: settings,
    transferList: [port2],
    env: SHARE_ENV,
    name: 'afd handlers',
    ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
  });
  return { thread, port: port1, cells: new Int32Array(cells) };
}
