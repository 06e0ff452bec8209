// The device row and the session lock of this process, and what follows when the database does not know them any more.

import { deviceOwner } from '../db/devices/device-owner.ts';
import type { Beat } from '../db/devices/heartbeat-device.ts';
import { heartbeatDevice } from '../db/devices/heartbeat-device.ts';
import { registerDevice, retakeDevice } from '../db/devices/register-device.ts';
import { takeSessionLock } from '../db/devices/session-lock.ts';
import type { Session } from '../db/session.ts';
import type { TableNames } from '../db/table-names.ts';
import { AfdError } from '../domain/errors.ts';
import type { Identity } from './device-identity.ts';

export class OwnDevice {
  readonly #session: Session;
  readonly #names: TableNames;
  readonly #identity: Identity;
  readonly #warn: (message: string) => void;
  /** Connection on which the lock was taken: of which server, and which of its own. */
  #lockedOn: string;
  /** Connection on which the row was last seen to be ours. */
  #confirmedOn: string;
  /** Instances whose name was written over once: who writes it again is alive. */
  readonly #overwritten = new Set<string>();

  /** Right after `assumeIdentity` on this session. */
  constructor(session: Session, names: TableNames, identity: Identity, warn: (message: string) => void) {
    this.#session = session;
    this.#names = names;
    this.#identity = identity;
    this.#warn = warn;
    this.#lockedOn = session.facts.connection;
    this.#confirmedOn = this.#lockedOn;
  }

  /** The open connection is the one that holds the lock. */
  get locked(): boolean {
    return this.#session.facts.connection === this.#lockedOn;
  }

  /**
   * Takes the lock on a new connection and writes that the device lives, waiting at most `waitS` seconds: our own
   * former connection may still hold it, until the server notices that it is gone. False = it does; the write was made
   * all the same. @throws DatabaseError, AfdError E_SUPERSEDED
   */
  async retake(beat: Beat, waitS: number): Promise<boolean> {
    const { deviceId, instanceToken, lockName } = this.#identity;
    const taken = await takeSessionLock(this.#session, lockName, waitS);
    const ours = taken
      ? await retakeDevice(this.#session, this.#names, deviceId, instanceToken, beat.status)
      : await heartbeatDevice(this.#session, this.#names, beat);
    await this.confirm(ours);
    if (taken) this.#lockedOn = this.#session.facts.connection;
    return taken;
  }

  /**
   * After an owner's write; `ours` false = it found no row of this instance. While this connection holds the session
   * lock no other process lives under the id, so the database has forgotten the registration (a failover to a server
   * without it, a crash): it is written again, with the same instance. Another process owns the id when it holds the
   * lock, or when its name comes back after it was written over. A row that is gone although this connection has read
   * it was removed by an operator. @throws DatabaseError, AfdError E_SUPERSEDED
   */
  async confirm(ours: boolean): Promise<void> {
    const { connection } = this.#session.facts;
    if (ours) {
      this.#confirmedOn = connection;
      return;
    }
    const { deviceId, lockName, registration } = this.#identity;
    const { locked, instance } = await deviceOwner(this.#session, this.#names, deviceId, lockName);
    if (!locked) throw this.#superseded('was taken over by a newer process');
    if (instance === undefined && this.#confirmedOn === connection) throw this.#superseded('was removed');
    const former = instance ?? 'none';
    if (this.#overwritten.has(former)) throw this.#superseded('is also used by another process');
    this.#overwritten.add(former);
    await registerDevice(this.#session, this.#names, registration);
    this.#confirmedOn = connection;
    const what = instance === undefined ? `lost the row of ${deviceId}` : `names another instance of ${deviceId}`;
    this.#warn(
      `The database ${what}, although this process holds its session lock: the registration was lost, for example by a failover, so ${deviceId} registers again.`,
    );
  }

  #superseded(how: string): AfdError {
    const { deviceId } = this.#identity;
    return new AfdError('E_SUPERSEDED', `${deviceId} ${how}, so this process stops.`, {
      suggestions: [`afd devices show ${deviceId}`],
    });
  }
}
