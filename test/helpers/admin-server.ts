// A server of one test file, whose account may make other accounts.
import type { Session } from '../../src/core/db/session.ts';
import { addressOf } from './database.ts';
import { sessionOf } from './schema-of.ts';
import { type PrivateServer, privateServer } from './server.ts';

const ADMIN = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`);

export interface AdminServer {
  server: PrivateServer;
  admin: Session;
  /** The same place for another account, by TCP: an account of any host must do. */
  urlOf(user: string, password: string): string;
  /** Of a SELECT COUNT(*) AS n. */
  count(sql: string): Promise<number>;
  stop(): Promise<void>;
}

export async function adminServer(argv: string[] = []): Promise<AdminServer> {
  const server = await privateServer({ setup: ADMIN, argv });
  const admin = sessionOf(addressOf(server.url), { idleTimeoutS: 600, deadlineMs: 20_000 });
  await admin.ready();
  return {
    server,
    admin,
    urlOf(user, password) {
      const url = new URL(server.url);
      url.username = user;
      url.password = password;
      url.searchParams.delete('socket');
      return url.href;
    },
    count: async (sql) => Number((await admin.rows(sql))[0]?.n),
    async stop() {
      await admin.close();
      await server.stop();
    },
  };
}
