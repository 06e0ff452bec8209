import { defineConfig } from 'vitest/config';

// unit: no database. db: one server for the run, files in parallel, one schema per worker.
// serial: one file at a time, for tests that kill, stop or restart a private server or need the machine to themselves.
const server = {
  globalSetup: ['test/helpers/global-setup.ts'],
  testTimeout: 30_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    pool: 'forks',
    // @oclif/test captures nothing otherwise.
    disableConsoleIntercept: true,
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
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          ...server,
          testTimeout: 60_000,
        },
      },
    ],
  },
});
