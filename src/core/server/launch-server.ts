import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { AfdError } from '../domain/errors.ts';
import { orAbsent } from './absent.ts';
import { childEnvironment, type Host, runProgram } from './host.ts';
import { SERVER_SCHEMA, SERVER_USER, type ServerFiles, writePrivate } from './server-directory.ts';
import { findProgram, type ServerProgram } from './server-program.ts';

/** `durable`: what was acknowledged survives a power cut. `fast`: for tests whose data may be lost. */
export type Durability = 'durable' | 'fast';

/** Makes the datadir next to its place and moves it there, so that there is never half of one. @throws AfdError E_FAILED */
export async function initialiseDatadir(files: ServerFiles, program: ServerProgram, host: Host): Promise<void> {
  if ((await orAbsent(stat(files.data))) !== undefined) return;
  const fresh = `${files.data}.${randomBytes(4).toString('hex')}`;
  await mkdir(files.tmp, { recursive: true, mode: 0o700 });
  const common = ['--no-defaults', ...asRoot(host), `--datadir=${fresh}`, `--tmpdir=${files.tmp}`];
  let argv = [program.server, ...common, '--initialize-insecure'];
  if (program.kind === 'mariadb') {
    const installer = await findProgram(host, ['mariadb-install-db', 'mysql_install_db']);
    if (installer === undefined) {
      throw new AfdError('E_SERVER_MISSING', `${program.server} is installed, but mariadb-install-db is not.`, {
        suggestions: ['sudo apt-get install mariadb-server-core mariadb-client-core'],
      });
    }
    // --skip-test-db also leaves out the accounts without a name.
    argv = [installer, ...common, '--skip-test-db', '--auth-root-authentication-method=socket'];
  }
  const { code, output } = await runProgram(host, argv, { TMPDIR: files.tmp });
  if (code !== 0) {
    await rm(fresh, { recursive: true, force: true });
    throw new AfdError('E_FAILED', `The data directory could not be created:\n${essence(output)}`, {
      data: { program: argv[0] },
    });
  }
  await chmod(fresh, 0o700);
  await writeFile(join(fresh, 'made-by-afd'), 'afd created this data directory and may delete it.\n', { mode: 0o600 });
  await rename(fresh, files.data);
}

export interface LaunchOptions {
  program: ServerProgram;
  port: number;
  socket: string;
  password: string;
  durability: Durability;
  /** More statements that the server runs as it starts, each on one line. */
  setup: string[];
  /** More arguments for the server; the last one of a name wins. */
  argv: string[];
}

/**
 * Starts the server in a session of its own, so that neither the end of this process nor of its terminal ends it.
 * Schema, account and password are the server's first statements (init-file): its root never logs in.
 */
export async function launchServer(files: ServerFiles, host: Host, options: LaunchOptions): Promise<ChildProcess> {
  const { program } = options;
  await writePrivate(files.setup, `${setupSql(options).join('\n')}\n`);
  for (const folder of [files.tmp, files.outfiles]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await rotate(files.log);
  const log = await open(files.log, 'a', 0o600);
  try {
    const child = spawn(program.server, serverArguments(files, host, options), {
      cwd: dirname(files.data),
      env: childEnvironment(host),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    await writePrivate(files.pid, `${child.pid}\n`);
    child.unref();
    return child;
  } finally {
    await log.close();
  }
}

function serverArguments(files: ServerFiles, host: Host, options: LaunchOptions): string[] {
  const durable = options.durability === 'durable';
  return [
    '--no-defaults',
    ...asRoot(host),
    `--datadir=${files.data}`,
    `--tmpdir=${files.tmp}`,
    `--socket=${options.socket}`,
    `--port=${options.port}`,
    '--bind-address=127.0.0.1',
    `--pid-file=${files.serverPid}`,
    `--init-file=${files.setup}`,
    '--skip-name-resolve',
    '--skip-log-bin',
    '--character-set-server=utf8mb4',
    '--max-connections=300',
    '--innodb-buffer-pool-size=256M',
    `--innodb-flush-log-at-trx-commit=${durable ? 1 : 0}`,
    ...(durable ? [] : ['--innodb-doublewrite=0']),
    // Debian's mysqld does not start without /var/lib/mysql-files, which its core package does not make. MariaDB knows no
    // NULL, and without the option its root writes files wherever the user of the server may.
    ...(options.program.kind === 'mysql'
      ? ['--mysqlx=OFF', '--secure-file-priv=NULL']
      : [`--secure-file-priv=${files.outfiles}`]),
    ...options.argv,
  ];
}

/** Harmless when repeated: each start runs it. */
function setupSql({ program, password, setup }: LaunchOptions): string[] {
  const accounts = ['localhost', '127.0.0.1'].map((host) => `'${SERVER_USER}'@'${host}'`);
  return [
    `CREATE DATABASE IF NOT EXISTS \`${SERVER_SCHEMA}\` CHARACTER SET utf8mb4;`,
    ...accounts.flatMap((account) => [
      `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY '${password}';`,
      `ALTER USER ${account} IDENTIFIED BY '${password}';`,
      `GRANT ALL PRIVILEGES ON \`${SERVER_SCHEMA}\`.* TO ${account};`,
      `GRANT ALL PRIVILEGES ON \`${SERVER_SCHEMA}\\_%\`.* TO ${account};`,
    ]),
    // --initialize-insecure leaves a root without a password; MariaDB's root is bound to the user of the system.
    ...(program.kind === 'mysql'
      ? [`ALTER USER 'root'@'localhost' IDENTIFIED BY '${randomBytes(18).toString('hex')}';`]
      : []),
    ...setup,
  ];
}

function asRoot(host: Host): string[] {
  return host.uid === 0 ? ['--user=root'] : [];
}

/** The wanted port if it is free, else any free one of the loopback interface. */
export async function freePort(wanted: number | undefined): Promise<number> {
  const tryPort = (port: number) =>
    new Promise<number | undefined>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen({ host: '127.0.0.1', port }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
      });
    });
  const port = (wanted === undefined ? undefined : await tryPort(wanted)) ?? (await tryPort(0));
  if (port === undefined) throw new AfdError('E_FAILED', 'No port of the loopback interface is free.');
  return port;
}

/** Empty when there is no log: it only adds to the error that is reported. */
export async function logTail(files: ServerFiles): Promise<string> {
  return essence(await readFile(files.log, 'utf8').catch(() => ''));
}

/** The lines that contain an error, or the last ones. */
function essence(text: string): string {
  const lines = text.trim().split('\n');
  const errors = lines.filter((line) => /\bERROR\b/.test(line));
  return (errors.length > 0 ? errors : lines).slice(-8).join('\n');
}

async function rotate(log: string): Promise<void> {
  const { size } = await stat(log).catch(() => ({ size: 0 }));
  if (size > 10_000_000) await rename(log, `${log}.1`);
}
