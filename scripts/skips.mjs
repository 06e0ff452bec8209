// A reporter of vitest: writes every skipped test with its reason to the file that AFD_TEST_SKIPS names (test/helpers/skip.ts).
// What a filter by name leaves out is not among them.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/** @typedef {{ file: string, name: string, reason: string | null, needs: string | null }} Skip */

export default class Skips {
  #root = process.cwd();
  #filtered = false;

  onInit(vitest) {
    this.#root = vitest.config.root;
    this.#filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules) {
    const skips = modules.flatMap((file) =>
      [...file.children.allTests('skipped')].map((test) => this.#skip(file, test)),
    );
    const told = this.#filtered ? skips.filter((one) => one.reason !== null) : skips;
    writeFileSync(process.env.AFD_TEST_SKIPS, JSON.stringify(told));
  }

  /** @returns {Skip} */
  #skip(file, test) {
    const { skipped, needs } = test.meta();
    const reason = skipped ?? test.result().note ?? null;
    return { file: relative(this.#root, file.moduleId), name: test.fullName, reason, needs: needs ?? null };
  }
}
