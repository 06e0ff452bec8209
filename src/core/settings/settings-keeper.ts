import type { Config } from '../config/config-schema.ts';
import { getValue } from '../config/dotted.ts';
import { readSettings } from '../db/queries/read-settings.ts';
import { writeSettings } from '../db/queries/write-settings.ts';
import { FLEET_KEYS } from '../domain/fleet-keys.ts';
import type { DutySession } from '../leader/duty-session.ts';

/** Duty of the leader: what the fleet must agree on and nobody has written yet becomes what this leader was told. */
export class SettingsKeeper {
  readonly #duty: DutySession;
  readonly #config: Config;

  constructor(duty: DutySession, config: Config) {
    this.#duty = duty;
    this.#config = config;
  }

  /** Returns how many values were missing. @throws NotLeader, DatabaseError */
  async runOnce(): Promise<{ written: number }> {
    const { names, lease } = this.#duty;
    const known = new Set((await this.#duty.run((session) => readSettings(session, names))).map((row) => row.name));
    const missing = FLEET_KEYS.filter((key) => !known.has(key)).map(
      (key) => [key, getValue(this.#config, key)] as const,
    );
    if (missing.length === 0) return { written: 0 };
    await this.#duty.fenced((session) =>
      writeSettings(session, names, new Map(missing), { by: lease.holder, existing: 'keep' }),
    );
    return { written: missing.length };
  }
}
