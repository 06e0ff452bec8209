import { EventEmitter } from 'node:events';
import type { Outcome } from '../domain/attempt/outcome.ts';

/** Everything a running node says. The logger, the CLI's live view and the tests are subscribers, and nothing else is. */
export interface AfdEvents {
  'worker:started': { device_id: string; slots: number; task_types: string[]; server: string };
  'worker:draining': { running: number; deadline_s: number };
  'worker:stopped': { device_id: string; reason: string };
  'task:claimed': { task_id: number; task_type: string; attempt: number };
  'task:started': { task_id: number; task_type: string; attempt: number };
  /** The finish was committed and accepted. */
  'task:finished': {
    task_id: number;
    task_type: string;
    attempt: number;
    outcome: Outcome['kind'] | 'cancelled';
    task_status: string;
    error_message?: string;
  };
  /** The attempt is no longer ours: its handler is aborted and nothing it says counts. */
  'task:lost': { task_id: number; attempt: number; reason: string };
  /** What keeps this worker's transactions from going through, once for each cause; undefined = they do again. */
  'work:troubled': { cause: string | undefined };
  /** No claim of it is possible: it was failed by itself (`failed`), or is left alone by this worker. */
  'task:set-aside': { task_id: number; failed: boolean; message: string };
  'task:stuck': { task_id: number; attempt: number; task_type: string };
  'device:registered': { device_id: string; instance_token: string; server: string };
  'device:heartbeat': { device_id: string; status: string };
  'device:operator-state': { device_id: string; operator_state: string };
  /** The resource limits that the machine is over now; empty = it is below all of them again, and claims. */
  'device:over-limits': { device_id: string; reasons: string[] };
  /** (leader) A device was declared dead. */
  'device:dead': { device_id: string; by: 'lock' | 'heartbeat'; tasks: number };
  /** A node that starts waits for its database. */
  'database:awaited': { for_s: number; message: string };
  /** `gateway`: of a remote worker, which has no database but gateways. */
  'database:lost': { message: string; gateway?: boolean };
  /** `server`: host name and server id of what answers now; absent = not asked yet. */
  'database:back': { after_ms: number; server?: string; gateway?: boolean };
  /** The database has been away for long enough that others may take the work soon. */
  'database:trust-over': { policy: 'stop' | 'finish'; gateway?: boolean };
  /** The fleet's values, as the database has them, changed what this node does. Durations in seconds. */
  'settings:changed': { changes: Array<{ key: string; from: unknown; to: unknown }> };
  /** No device has answered a ring for long enough that none is rung (`on: false`), or one has answered again. */
  'ring:switched': { on: boolean };
  /** (leader, once) Another node leads; null = one whose name was gone by then. */
  'leader:other': { leader: string | null; term: number | null };
  'leader:gained': { device_id: string; term: number };
  'leader:lost': { device_id: string; term: number; reason: string };
  'leader:duty': { duty: string; counts: Record<string, number> };
  /** Once when a duty begins to fail, and for each further cause. */
  'leader:duty-failed': { duty: string; message: string };
  /**
   * The main thread does not come to its event loop. `tasks`: those that may block it; `known`: it is that one; `gateway`: it
   * answers requests, and runs no tasks. Sent by the liveness thread, which gets no other event.
   */
  'main:blocked': {
    for_ms: number;
    tasks: Array<{ task_id: number; attempt: number; task_type: string }>;
    known: boolean;
    gateway?: boolean;
  };
  /** It does again. `released`: attempts that were released meanwhile. */
  'main:back': { after_ms: number; released: number; gateway?: boolean };
  /** A duty that failed works again. */
  'leader:duty-works': { duty: string; after_ms: number };
  /** Something an operator may want to know, in a sentence: all is well. */
  note: { message: string };
  /** Something an operator should know, in a sentence. */
  warning: { message: string };
}

export type AfdEventName = keyof AfdEvents;

/** A typed emitter. Listeners do no I/O of their own and must not throw. */
export class Events {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  emit<K extends AfdEventName>(name: K, data: AfdEvents[K]): void {
    this.#emitter.emit(name, data);
    this.#emitter.emit('*', name, data);
  }

  on<K extends AfdEventName>(name: K, listener: (data: AfdEvents[K]) => void): () => void {
    this.#emitter.on(name, listener);
    return () => this.#emitter.off(name, listener);
  }

  onAny(listener: (name: AfdEventName, data: AfdEvents[AfdEventName]) => void): () => void {
    this.#emitter.on('*', listener);
    return () => this.#emitter.off('*', listener);
  }
}
