// What Stryker runs for each mutant: the tests of the domain, in one process that is new for each. A mutant of what is
// evaluated while a module is loaded belongs to no test, so all of them run for it; with every unit test of the core that
// would take a minute each time. A test's name is part of a pattern there: no megabytes in a table.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/unit/core/domain/**/*.test.ts', 'test/unit/core/handlers/new-task.test.ts'],
    isolate: false,
    // Instrumented code is slower. How long a mutant may take Stryker says.
    testTimeout: 60_000,
  },
});
