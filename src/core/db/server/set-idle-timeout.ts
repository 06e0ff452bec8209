import type { Session } from '../session.ts';

/**
 * The server ends this open session, and frees its locks, after this many seconds of silence; reads no table. The
 * session's next connection takes the number from its options.
 */
export async function setIdleTimeout(session: Session, seconds: number): Promise<void> {
  await session.write('SET SESSION wait_timeout = ?', [Math.max(1, Math.ceil(seconds))]);
}
