// A short storm of everything at once over real processes; only what must hold is judged, never how long it took. The long
// one is `npm run chaos` (docs/explain/proof.md).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { summary } from '../../chaos/report.ts';
import { chaosServer } from '../../chaos/server.ts';
import { storm } from '../../chaos/storm.ts';
import { NO_PRIVATE_SERVER } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

const SEED = 20;

it('R2 R3 R4 R7 R8 R17 in a storm of fifty kills nothing is lost, nothing is completed twice, and every repeated run has its cause', {
  timeout: 600_000,
  ...skipBecause(NO_PRIVATE_SERVER, 'mysqld'),
}, async (test) => {
  // Of the kind of this leg's own server.
  const server = await chaosServer();
  test.onTestFinished(() => server.stop());
  const dir = await mkdtemp(join(tmpdir(), 'afd-storm-'));
  const result = await storm({ seed: SEED, kills: 50, tasks: 800, pace_ms: 350, server, dir });
  process.stderr.write(`${summary(result)}\n`);
  const violations = result.verdicts.flatMap((one) => one.violations.map((text) => `rule ${one.rule}: ${text}`));
  expect(violations, `everything is kept in ${dir}`).toEqual([]);
  expect(result.kills).toBeGreaterThanOrEqual(40);
  await rm(dir, { recursive: true, force: true });
});
