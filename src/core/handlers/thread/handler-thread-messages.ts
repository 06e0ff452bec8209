// What the main thread and a thread of handlers say to each other, or a worker and a process of one. Every message is an array of these, in order.
import type { MessagePort } from 'node:worker_threads';
import type { Outcome } from '../../domain/attempt/outcome.ts';
import type { AttemptUsage, Progress } from '../../domain/attempt/report.ts';
import type { HandlerTask } from '../../domain/task/task.ts';
import type { AbortReason, HandlerLog, OutputStream } from '../handler.ts';
import type { HandlerFolders } from '../module-folders.ts';

/** One module that a thread loads. */
export interface ThreadModule {
  task_type: string;
  /** Path, relative to the thread's `base_dir`. */
  module: string;
}

export interface ThreadSettings {
  port: MessagePort;
  base_dir: string;
  /** In which the modules must lie; absent: `base_dir` alone. */
  folders?: HandlerFolders | undefined;
  modules: ThreadModule[];
  /** How long the modules may take to clean up when it is asked to end. */
  cleanUpMs: number;
  /** Int32, by `CELL`: readable from outside when the thread does not answer, and after its death. */
  cells: SharedArrayBuffer;
}

/** Indexes of the cells in that memory. */
export const CELL = {
  /** The last attempt whose handler was called. */
  begun: 0,
  /** The attempt whose code runs at this moment; 0 = none, or not known. */
  current: 1,
  /** The last attempt whose code ran: at the limit of its heap a thread still ends the turn in which it met it. */
  last: 2,
} as const;

type Fields = Record<string, unknown> | undefined;

/** `id` counts the attempts of one thread from 1; `module` is a place in `ThreadSettings.modules`. */
export type ToThread =
  | { kind: 'run'; id: number; module: number; task: HandlerTask; device_id: string }
  | { kind: 'abort'; id: number; reason: AbortReason }
  /** The answer to its checkpoint of this version; without `refused` it is stored. */
  | { kind: 'checkpointed'; id: number; version: number; refused?: string }
  | { kind: 'ping' }
  | { kind: 'end' };

/** What has changed of what an attempt reports. */
export interface Report {
  progress?: Progress | undefined;
  metrics?: Record<string, number> | undefined;
  usage?: AttemptUsage | undefined;
}

export type FromThread =
  | { kind: 'ready' }
  | { kind: 'unloaded'; code: string; message: string }
  /** Of a process alone: the handler is called now. */
  | { kind: 'begun'; id: number }
  /** `rss`: of a process alone: bytes of memory that it holds now. */
  | { kind: 'ended'; id: number; outcome: Outcome; rss?: number }
  | { kind: 'log'; id: number; level: keyof HandlerLog; message: string; fields: Fields }
  | ({ kind: 'report'; id: number } & Report)
  | { kind: 'checkpoint'; id: number; version: number; value: unknown }
  /** What the handler printed: bytes as Latin-1, in order. `dropped`: bytes before them that were not kept. */
  | { kind: 'output'; id: number; dropped: number; chunks: Array<[OutputStream, string]> }
  /** A line of a module's hooks, which belongs to no attempt. */
  | { kind: 'place-log'; task_type: string; level: keyof HandlerLog; message: string; fields: Fields }
  | { kind: 'pong' }
  /** Something that concerns no running attempt. */
  | { kind: 'warning'; message: string }
  /** The last word of a thread that ends by itself. `id` = the attempt whose code did it, 0 = not known. */
  | { kind: 'crash'; id: number; message: string; error_class: string };
