import type { Context } from '../context/context.ts';
import { isConnectionLost } from '../db/database-error.ts';

/** Where a list was read. */
export interface ReadFrom {
  replica: string;
  /** Seconds that it is behind the writer, at most. */
  delay_s: number;
}

/**
 * Runs `work` with a context whose sessions read from the replica of `database.read_url`, where one is configured and not late; otherwise, and
 * again from the beginning when the replica fails, with the writer. So nothing may have been told yet when `work` first reads.
 * @throws whatever `work` throws; DatabaseError of the writer
 */
export async function reading<T>(
  context: Context,
  work: (context: Context, from: ReadFrom | undefined) => Promise<T>,
): Promise<T> {
  const { replica } = context;
  const delay = await replica?.delay();
  if (replica === undefined || delay === undefined) return work(context, undefined);
  const from = { replica: replica.where, delay_s: delay };
  try {
    const session = await replica.session();
    return await work({ ...context, session: async () => session }, from);
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    replica.failed(error as Error);
    return work(context, undefined);
  }
}
