// `npm run chaos -- --mutants`: each mutant must be caught by what it names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerKind } from '../../../src/core/server/server-program.ts';
import { broken } from '../report.ts';
import { type ChaosServer, chaosServer } from '../server.ts';
import { storm } from '../storm.ts';
import { mutatedCopy } from './copy.ts';
import { MUTANTS } from './list.ts';
import type { Mutant, NamedTest, ShortStorm } from './mutant.ts';
import { ofTurn } from './turn.ts';

export interface MutantsOptions {
  root: string;
  dir: string;
  server: ServerKind;
  /** Only those whose name holds one of these words, which commas part. */
  only: string | undefined;
  /** Only those of this turn (turn.ts). */
  turn?: number | undefined;
  /** Minutes after which no mutant is begun. */
  minutes?: number | undefined;
  /** False = those that a test catches need no storm. */
  storms: boolean;
  say(text: string): void;
}

/** `how`: the rule with an example, or the test. */
type Found = { caught: boolean; how: string };

function wanted({ only = '', turn }: MutantsOptions): Mutant[] {
  const words = only.split(',');
  const all = turn === undefined ? MUTANTS : ofTurn(MUTANTS, turn);
  return all.filter((one) => words.some((word) => one.name.includes(word)));
}

/** Those that were tried; others were not begun in time. The copies are gone afterwards, also when this process is ended. */
export async function runMutants(options: MutantsOptions) {
  const { root, dir, minutes = Number.POSITIVE_INFINITY, storms, say } = options;
  const tried: Array<{ mutant: Mutant; caught: boolean }> = [];
  const all = wanted(options);
  const server = await chaosServer(options.server);
  const start = performance.now();
  const abandoned = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', abandoned);
  try {
    for (const mutant of all) {
      const begun = performance.now();
      if (begun - start > minutes * 60_000) break;
      const copy = join(dir, `${mutant.name}-afd`);
      await mutatedCopy(root, copy, mutant.patches);
      const { caught, how } = await tryOne(mutant, server, copy, join(dir, mutant.name), storms);
      await rm(copy, { recursive: true, force: true });
      tried.push({ mutant, caught });
      const seconds = Math.round((performance.now() - begun) / 1000);
      say(`${caught ? 'caught ' : 'ESCAPED'} ${mutant.name} in ${seconds} s: ${how}`);
    }
  } finally {
    process.off('exit', abandoned);
    await server.stop();
  }
  return { tried, left: all.slice(tried.length) };
}

/** By all that must catch it: a test and a storm, where it has both. */
async function tryOne({ caught }: Mutant, server: ChaosServer, copy: string, dir: string, storms: boolean) {
  const test = caught.test && (await byTest(caught.test, server, copy));
  if (caught.storm === undefined || test?.caught === false || (!storms && test !== undefined)) return test!;
  const found = await byStorm(caught.storm, server, copy, dir);
  return test === undefined ? found : { ...found, how: `${test.how}; ${found.how}` };
}

/** Whether a fault meets the right moment is chance, and less likely the faster the machine is: up to this number of seeds are tried. */
const SEEDS = 6;

async function byStorm({ rules, ...plan }: ShortStorm, server: ChaosServer, copy: string, dir: string): Promise<Found> {
  const bin = join(copy, 'bin/run.js');
  const other = new Set<number>();
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await storm({ ...plan, seed, server, dir, bin, stillMs: 15_000 });
    const all = broken(result);
    const rule = rules.find((one) => all.includes(one));
    const verdict = result.verdicts.find((one) => one.rule === rule);
    await rm(dir, { recursive: true, force: true });
    if (verdict !== undefined) return { caught: true, how: `rule ${rule}: ${verdict.violations[0]} (seed ${seed})` };
    for (const one of all) other.add(one);
  }
  const how = `rules ${rules.join(', ')} hold with ${SEEDS} seeds; broken: ${[...other].join(', ') || 'none'}`;
  return { caught: false, how };
}

/** The control: the storms that catch mutants, over afd as it is. Returns the names of those that broke a rule. */
export async function runControl(options: MutantsOptions): Promise<string[]> {
  const failed: string[] = [];
  const server = await chaosServer(options.server);
  try {
    for (const { name, caught } of wanted(options)) {
      if (caught.storm === undefined) continue;
      const { rules: _, ...plan } = caught.storm;
      const rules = broken(await storm({ ...plan, seed: 1, server, dir: join(options.dir, `${name}-control`) }));
      if (rules.length > 0) failed.push(name);
      const found = rules.length === 0 ? 'clean' : `BROKEN, rules ${rules.join(', ')}`;
      options.say(`${found}: the storm of ${name} over afd itself`);
    }
  } finally {
    await server.stop();
  }
  return failed;
}

/** Caught = the named test fails; a file that cannot be loaded proves nothing. */
async function byTest({ project, file, name }: NamedTest, server: ChaosServer, copy: string): Promise<Found> {
  const report = join(copy, 'report.json');
  const { user, password = '', host, port, database } = server.address;
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const args = ['run', '--project', project, file, '-t', name, '--reporter=json', `--outputFile=${report}`];
  const child = spawn(process.execPath, [join(copy, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: copy,
    // The copy has its dist: a build would take longer than the test.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, AFD_TEST_DATABASE_URL: url, AFD_TEST_BUILT: '1' },
    stdio: 'ignore',
  });
  await once(child, 'close');
  const { numFailedTests = 0 } = JSON.parse(await readFile(report, 'utf8')) as { numFailedTests?: number };
  return { caught: numFailedTests > 0, how: `${file}, "${name}"` };
}
