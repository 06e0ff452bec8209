import { ignoresReadOnly, readReplicationSettings } from '../db/server/replication-settings.ts';
import type { Session } from '../db/session.ts';
import { promisedBy } from '../domain/writer/promised.ts';
import type { Events } from '../runtime/events.ts';

/** Says at the start of a node what its database promises, and what is set dangerously. @throws DatabaseError */
export async function tellPromise(session: Session, events: Events, heartbeatTimeoutS: number): Promise<void> {
  const values = await readReplicationSettings(session);
  const several = session.options.writer !== undefined;
  const trustS = heartbeatTimeoutS - Math.min(10, heartbeatTimeoutS / 3);
  const promised = promisedBy({ values, several, trustS, ignoresReadOnly: await ignoresReadOnly(session) });
  if (promised === undefined) return;
  events.emit('note', { message: promised.sentence });
  for (const message of promised.dangers) events.emit('warning', { message });
}
