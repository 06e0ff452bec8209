import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// unit: no database. db: one server for the run, files in parallel, one schema per worker.
// serial: one file at a time, for tests that kill, stop or restart a private server or need the machine to themselves.
const server = {
  globalSetup: ['test/helpers/global-setup.ts'],
  // Longer than the patience of each wait (test/helpers/wait.ts), which says what did not come.
  testTimeout: 90_000,
  hookTimeout: 90_000,
};

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
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/architecture/**/*.test.ts', 'test/contracts/**/*.test.ts'],
          // Two cores have room for three: much of it waits for processes.
          maxWorkers: 3,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: ['test/db/**/*.test.ts', 'test/commands/**/*.test.ts', 'test/integration/**/*.test.ts'],
          // Most of a database test is waiting for the server: two cores carry four files.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          ...server,
        },
      },
      {
        extends: true,
        test: {
          name: 'serial',
          include: ['test/serial/**/*.test.ts'],
          maxWorkers: 1,
          isolate: true,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...server,
          testTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // Real clusters, which scripts outside the project start: without them each test says why it is skipped.
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          maxWorkers: 1,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          hookTimeout: 240_000,
          testTimeout: 240_000,
        },
      },
    ],
  },
});
