// What a leader does its duties with: its term, a session of its own, and its health check. Devices are rows.
import { type Config, configSchema } from '../../../src/core/config/config-schema.ts';
import type { FoundDead } from '../../../src/core/election/lock-watch.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { HealthCheck } from '../../../src/core/leader/rescue/health-check.ts';
import { type AfdEvents, Events } from '../../../src/core/runtime/events.ts';
import type { TestDatabase } from '../../helpers/database.ts';

/** As if the server had been up for years: the private one of a test run is seconds old. */
export const YEARS_AGO = '2020-01-01 00:00:00.000';

export interface OfficeOptions {
  term?: number;
  master?: Partial<Config['master']>;
  deadlineMs?: number;
  Duty?: typeof DutySession;
  found?: FoundDead;
  monotonic?: () => number;
}

export async function office(db: TestDatabase, options: OfficeOptions = {}) {
  const { term = 1, master, deadlineMs = 10_000, Duty = DutySession, ...more } = options;
  const own = await db.session({ deadlineMs });
  own.facts.startedAt = YEARS_AGO;
  const settings = { ...configSchema.parse({}).master, lock_trust_after_start: 0, lock_grace: 0, ...master };
  const events = new Events();
  const deaths: Array<AfdEvents['device:dead']> = [];
  events.on('device:dead', (data) => deaths.push(data));
  const duty = new Duty(own, db.names, { holder: 'leader', term });
  const check = new HealthCheck({ duty, settings, events, random: () => 0.5, ...more });
  return { own, duty, settings, check, deaths };
}
