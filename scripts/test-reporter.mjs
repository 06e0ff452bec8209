// A reporter of vitest: writes what a run has found to the file that AFD_TEST_REPORT names (scripts/run-tests.mjs). A file that
// cannot be loaded, a test that is skipped without a reason (test/helpers/skip.ts), and an error outside any test are a failure
// each. What a filter by name leaves out is not skipped.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

export default class TestReporter {
  #root = process.cwd();
  #filtered = false;

  onInit(vitest) {
    this.#root = vitest.config.root;
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules, errors) {
    const fileOf = (module) => relative(this.#root, module.moduleId);
    const all = (state) => modules.flatMap((module) => [...module.children.allTests(state)]);
    const named = (test) => `${fileOf(test.module)} > ${test.fullName}`;
    const skips = all('skipped')
      .map((test) => ({
        test: named(test),
        reason: test.meta().skipped ?? test.result().note,
        needs: test.meta().needs,
      }))
      .filter(({ reason }) => !this.#filtered || reason !== undefined);
    const failures = [
      ...modules.flatMap((module) => module.errors().map((error) => `${fileOf(module)}: ${firstLine(error.message)}`)),
      ...all('failed').map((test) => `${named(test)}: ${firstLine(test.result().errors?.[0]?.message ?? '')}`),
      ...skips.filter(({ reason }) => reason === undefined).map(({ test }) => `${test}: skipped without a reason`),
      ...errors.map((error) => `outside any test: ${firstLine(error.message)}`),
    ];
    const files = modules.map((module) => [fileOf(module), module.diagnostic().duration / 1000]);
    const passed = all('passed').length;
    writeFileSync(process.env.AFD_TEST_REPORT, JSON.stringify({ passed, failures, skips, files }));
  }
}

function firstLine(text) {
  return String(text).split('\n', 1)[0].slice(0, 300);
}
