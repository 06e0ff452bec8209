// A skipped test says why, in words that the summary of `npm test` repeats (scripts/test-reporter.mjs). One that is skipped without a
// reason fails the run, and `.ci/run` fails where what it `needs` should be there.

/** What a machine that runs everything has. AFD_CI_WITHOUT names for `.ci/run` what may be missing. */
export type Need = 'libfaketime' | 'pymysql' | 'mysqld' | 'proxies' | 'chromium';

declare module 'vitest' {
  interface TaskMeta {
    /** Why the test is skipped. */
    skipped?: string;
    /** What would have to be there. */
    needs?: Need;
  }
}

/**
 * Options of a test or of a `describe` that skip it for this reason; undefined = it is not skipped. A test that finds out
 * while it runs calls `skip(condition, reason)` of its context.
 */
export function skipBecause(reason: string | undefined, needs?: Need) {
  if (reason === undefined) return {};
  return { skip: true, meta: { skipped: reason, ...(needs === undefined ? {} : { needs }) } };
}
