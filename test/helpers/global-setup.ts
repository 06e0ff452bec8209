// Runs once per vitest project with a database. dist is built for what tests start as processes; the server is the one
// that AFD_TEST_DATABASE_URL names, or a private one that lives as long as the run.
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { access, constants, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { TestProject } from 'vitest/node';
import { startServer, stopServer } from '../../src/core/server/embedded-server.ts';
import { hostFrom } from '../../src/core/server/host.ts';
import { findServerProgram } from '../../src/core/server/server-program.ts';
import { dropTestDatabases, isMySql } from './database.ts';
import { hostileServer } from './hostile.ts';
import { mysqlPrograms } from './mysql-programs.ts';
import { emergencyStop, ownDirectory, removeAbandoned } from './server.ts';

const WITH_GRANTS = ['localhost', '127.0.0.1'].map(
  (at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`,
);

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  // Watch mode: what runs from dist runs what was just written.
  project.onTestsRerun(buildDist);
  // Each project loads this module for itself; the first one sets up for all, and vitest tears down after the last.
  if (process.env.AFD_TEST_SETUP === String(process.pid)) return undefined;
  process.env.AFD_TEST_SETUP = String(process.pid);
  return begin();
}

async function begin(): Promise<(() => Promise<void>) | undefined> {
  const started = performance.now();
  // A mutant (test/chaos/mutants) brings its dist with it.
  if (process.env.AFD_TEST_BUILT === undefined) await buildDist();
  await removeAbandoned(tmpdir());
  if (process.env.AFD_TEST_DATABASE_URL !== undefined) {
    // Others may test on the same server at the same time.
    process.env.AFD_TEST_RUN = `${process.pid}${randomBytes(2).toString('hex')}`;
    const remove = await programsOfItsKind();
    const end = async () => {
      await dropTestDatabases();
      await remove();
    };
    // vitest tears nothing down after these.
    for (const signal of ['SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => end().finally(() => process.exit(143)));
    return end;
  }

  const hostile = process.env.AFD_TEST_HOSTILE === undefined ? undefined : await hostileServer(hostFrom(process));
  const host = hostile?.host ?? hostFrom(process);
  const memory = '/dev/shm';
  const parent = (await writable(memory)) ? memory : tmpdir();
  await removeAbandoned(parent);
  const dir = await ownDirectory(parent);
  const undo = emergencyStop(dir);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(143));
  // It makes the accounts of the roles.
  const setup = process.env.AFD_TEST_ROLES === undefined ? [] : WITH_GRANTS;
  const server = await startServer({ dir, host, say, durability: 'fast', setup, ...hostile?.options });
  process.env.AFD_TEST_DATABASE_URL = server.url;
  say(
    `private ${hostile === undefined ? '' : 'hostile '}${server.kind} server in ${dir} after ${Math.round(performance.now() - started)} ms`,
  );
  return async () => {
    delete process.env.AFD_TEST_DATABASE_URL;
    tellCost(server.pid);
    await stopServer(dir, host, 0);
    await rm(dir, { recursive: true, force: true });
    undo();
  };
}

/** For the summary of the run: nobody waits for the server, so its processor seconds count for no other process. */
function tellCost(pid: number | null): void {
  if (process.env.AFD_TEST_SERVER_COST === undefined) return;
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    writeFileSync(process.env.AFD_TEST_SERVER_COST, String((Number(fields[11]) + Number(fields[12])) / 100));
  } catch {
    // There is no /proc.
  }
}

async function buildDist(): Promise<void> {
  const { build } = (await import(new URL('../../scripts/build.mjs', import.meta.url).href)) as {
    build(): Promise<{ problems: string }>;
  };
  const { problems } = await build();
  // JavaScript is there all the same; `npm run check` and `npm run build` fail on it.
  if (problems !== '') say(`dist was built with problems:\n${problems}`);
}

/** A private server of a test is of the kind of the named server. Returns what removes what was made for that. */
async function programsOfItsKind(): Promise<() => Promise<void>> {
  const wanted = (await isMySql()) ? 'mysql' : 'mariadb';
  const usual = await findServerProgram(hostFrom(process));
  // Where there is no server program at all a MariaDB is installed.
  const kind = usual?.kind ?? 'mariadb';
  if (kind === wanted) return async () => {};
  const programs =
    wanted === 'mysql' ? await mysqlPrograms() : { why: `the server program of this machine is a ${kind}` };
  if ('why' in programs) {
    process.env.AFD_TEST_NO_PRIVATE_SERVER = `no private ${wanted}: ${programs.why}`;
    say(process.env.AFD_TEST_NO_PRIVATE_SERVER);
    return async () => {};
  }
  process.env.AFD_SERVER_FOLDERS = programs.folder;
  return programs.remove;
}

async function writable(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function say(text: string): void {
  process.stderr.write(`test server: ${text}\n`);
}
