// What Stryker runs for each mutant: unit tests of one process, fast ones. It looks for those that reach the mutant itself.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/unit/core/**/*.test.ts'],
    // Instrumented code is slower. How long a mutant may take Stryker says.
    testTimeout: 60_000,
  },
});
