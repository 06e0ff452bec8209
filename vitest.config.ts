import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Which tests run where:
//
//            | unit | db and serial                          | proof
//   check    |  x   |                                        |
//   test     |  x   |  x  one MariaDB that the run starts    |
//   .ci/run  |  x   |  x  and test/db on a real MySQL        |
//   proof    |  x   |  x  on each server, a hostile one too  |  x  each folder is a part
//
// test/chaos has no tests but storms and mutants: `npm run chaos`, and parts of `npm run proof`.
const DATABASE = {
  globalSetup: ['test/helpers/global-setup.ts'],
  // Longer than the patience of each wait (test/helpers/wait.ts), which says what did not come.
  testTimeout: 90_000,
  hookTimeout: 90_000,
};
/** One file at a time, in a process of its own. */
const ALONE = { maxWorkers: 1, isolate: true, fileParallelism: false };

export default defineConfig({
  test: {
    pool: 'forks',
    // Modules are loaded once for each process and not for each file, which is half of what a short file costs. So a file leaves
    // nothing behind in its process: no listener, no variable of the environment, no session.
    isolate: false,
    // @oclif/test captures nothing otherwise.
    disableConsoleIntercept: true,
    // The built program is run as Node loads it (test/helpers/command-here.ts).
    server: { deps: { external: [new RegExp(`^${fileURLToPath(new URL('dist/', import.meta.url))}`)] } },
    teardownTimeout: 30_000,
    // A golden file that is missing is a failure, not one that is reviewed by being written: -u writes it.
    update: 'none',
    projects: [
      // No database.
      project('unit', ['unit', 'architecture', 'contracts'], { maxWorkers: 3, testTimeout: 30_000 }),
      // One server for all files, one schema for each process. Most of it is waiting for the server: two cores carry four files.
      project('db', ['db', 'commands', 'integration'], { maxWorkers: 4, ...DATABASE }),
      // Processes that are killed, stopped and drained.
      project('serial', ['serial'], { ...ALONE, ...DATABASE }),
      // What needs a server, a proxy, a browser, a clock or a cluster of its own, or a machine that does nothing else.
      project('proof', ['proof'], { ...ALONE, ...DATABASE, testTimeout: 240_000, hookTimeout: 240_000 }),
    ],
  },
});

/** Each project begins when the one before has ended. */
function project(name: string, folders: string[], test: object) {
  const groupOrder = ['unit', 'db', 'serial', 'proof'].indexOf(name);
  const include = folders.map((folder) => `test/${folder}/**/*.test.ts`);
  return { extends: true as const, test: { name, include, sequence: { groupOrder }, ...test } };
}
