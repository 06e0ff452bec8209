// The sessions of a person, as they see and end them.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { sessionsOfUser } from '../db/access/own-sessions.ts';
import { deleteSession } from '../db/access/sessions.ts';
import type { Actor } from '../domain/audit/actor.ts';
import { AfdError } from '../domain/errors.ts';
import { IDLE_S } from './session-check.ts';

export interface OwnSession {
  /** The beginning of a hash: nobody signs in with it. */
  session_id: string;
  /** It is that of the request. */
  current: boolean;
  /** Address from which it began. */
  source: string | null;
  created_at: string;
  /** To the minute. */
  last_seen_at: string;
  expires_at: string;
}

const MOST = 100;
/** Digits of a hash, in hexadecimal. */
const ID_LENGTH = 16;

/** The newest first. `current`: hash of the session that asks. @throws DatabaseError */
export async function ownSessions(
  context: Context,
  userId: string,
  current: Buffer | undefined,
): Promise<OwnSession[]> {
  const rows = await sessionsOfUser(await context.session(), context.names, userId, { idleS: IDLE_S, most: MOST });
  return rows.map(({ hash, ...rest }) => ({
    session_id: idOf(hash),
    current: current?.equals(hash) === true,
    ...rest,
  }));
}

/** Its hash. @throws AfdError E_NOT_FOUND; DatabaseError */
export async function endOwnSession(
  context: Context,
  user: { id: string; name: string },
  sessionId: string,
  by: Actor,
): Promise<Buffer> {
  const session = await context.session();
  const { names } = context;
  const missing = () => new AfdError('E_NOT_FOUND', `There is no session ${sessionId} of the user ${user.name}.`);
  const end = async () => {
    const rows = await sessionsOfUser(session, names, user.id, { idleS: IDLE_S, most: MOST });
    const found = rows.find(({ hash }) => idOf(hash) === sessionId);
    if (found === undefined || !(await deleteSession(session, names, found.hash))) throw missing();
    return found.hash;
  };
  return audited({ session, names }, by, end, () => ({
    ...{ action: 'sessions.end', object_type: 'user', object_id: user.name },
  }));
}

function idOf(hash: Buffer): string {
  return hash.toString('hex').slice(0, ID_LENGTH);
}
