import type { Config } from '../config/config-schema.ts';
import { getValue } from '../config/dotted.ts';
import { readSettings } from '../db/settings/read-settings.ts';
import { writeSettings } from '../db/settings/write-settings.ts';
import { FLEET_KEYS } from '../domain/fleet-keys.ts';
import type { DutySession } from './duty/duty-session.ts';
import { Failures } from './duty/failures.ts';

/** Duty of the leader: a value that the fleet must agree on, and that is not set yet, becomes this leader's own. */
export class SettingsKeeper {
  readonly #duty: DutySession;
  readonly #config: Config;

  constructor(duty: DutySession, config: Config) {
    this.#duty = duty;
    this.#config = config;
  }

  /** Returns how many values were missing. @throws PartsFailed after all others were written; NotLeader, DatabaseError */
  async runOnce(): Promise<{ written: number }> {
    const { names, lease } = this.#duty;
    const known = new Set((await this.#duty.run((session) => readSettings(session, names))).map((row) => row.name));
    const missing = FLEET_KEYS.filter((key) => !known.has(key)).map(
      (key) => [key, getValue(this.#config, key)] as const,
    );
    if (missing.length === 0) return { written: 0 };
    const write = (some: typeof missing) =>
      this.#duty.fenced((session) =>
        writeSettings(session, names, new Map(some), { by: lease.holder, existing: 'keep' }),
      );
    try {
      await write(missing);
      return { written: missing.length };
    } catch (error) {
      if (!this.#duty.refused(error)) throw error;
    }
    // One value that is refused keeps no other from being written.
    const failures = new Failures(this.#duty);
    let written = 0;
    for (const one of missing) {
      if ((await failures.part(one[0], () => write([one]).then(() => true))) === true) written += 1;
    }
    return failures.end({ written });
  }
}
