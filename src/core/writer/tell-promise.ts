import { ignoresReadOnly, readReplicationSettings } from '../db/server/replication-settings.ts';
import type { Session } from '../db/session.ts';
import { promisedBy } from '../domain/writer/promised.ts';
import type { Events } from '../runtime/events.ts';

/** Says at the start of a node what its database promises, and what is set dangerously. @throws DatabaseError */
export async function tellPromise(session: Session, events: Events, heartbeatTimeoutS: number): Promise<void> {
  const values = await readReplicationSettings(session);
  const several = session.options.writer !== undefined;
  const trustS = heartbeatTimeoutS - Math.min(10, heartbeatTimeoutS / 3);
  const by = (aboveReadOnly: boolean) => promisedBy({ values, several, trustS, ignoresReadOnly: aboveReadOnly });
  let promised = by(false);
  if (promised === undefined) return;
  // The members of a group, and nodes outside the Primary component, refuse every account by themselves.
  const byReadOnly = promised.row === 'semi-synchronous' || promised.row === 'asynchronous';
  if (byReadOnly && (await ignoresReadOnly(session))) promised = by(true) ?? promised;
  events.emit('note', { message: promised.sentence });
  for (const message of promised.dangers) events.emit('warning', { message });
}
