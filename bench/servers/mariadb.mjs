// A private MariaDB by afd's own means (`afd db`), durable, with the memory that the other peers' servers have.
import { join } from 'node:path';
import { abandonedFolders, dataFolder, removeFolder } from './data-folder.mjs';

const MEMORY = ['SET GLOBAL innodb_buffer_pool_size = 1073741824;', 'SET GLOBAL innodb_log_file_size = 1073741824;'];
const RIGHTS = ['localhost', '127.0.0.1'].map(
  (at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`,
);

/** Installs the program where afd itself would. @throws AfdError E_SERVER_MISSING */
export async function startMariaDb() {
  const { startServer, stopServer } = await dist('core/server/embedded-server.js');
  const { hostFrom } = await dist('core/server/host.js');
  const { findServerProgram } = await dist('core/server/server-program.js');
  const host = hostFrom(process);
  for (const dir of abandonedFolders()) {
    await stopServer(dir, host, 0).catch(() => undefined);
    removeFolder(dir);
  }
  const dir = dataFolder('mariadb');
  const say = (text) => console.error(text);
  const { url, pid, kind } = await startServer({
    dir,
    host,
    say,
    durability: 'durable',
    setup: [...RIGHTS, ...MEMORY],
  });
  const { version } = await findServerProgram(host, kind);
  const label = kind === 'mariadb' ? 'MariaDB' : 'MySQL';
  return {
    url,
    pid,
    label,
    log: join(dir, 'mysql/server.log'),
    about: `${label} ${version.split('-')[0]}, innodb_flush_log_at_trx_commit=1, no binary log, innodb_buffer_pool_size=1G`,
    async stop() {
      await stopServer(dir, host, 30_000);
      removeFolder(dir);
    },
  };
}

function dist(file) {
  return import(new URL(`../../dist/${file}`, import.meta.url).href);
}
