// `npm run chaos -- --mutants`: each mutant must be caught by what it names.
import { spawn } from 'node:child_process';
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

export interface Caught {
  mutant: Mutant;
  caught: boolean;
  /** In words: the rule with an example, or the test. */
  how: string;
  seconds: number;
}

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

function wanted({ only = '', turn }: MutantsOptions): Mutant[] {
  const words = only.split(',');
  const all = turn === undefined ? MUTANTS : ofTurn(MUTANTS, turn);
  return all.filter((one) => words.some((word) => one.name.includes(word)));
}

/** Those that were tried; others were not begun in time. The copies are gone afterwards, also when this process is ended. */
export async function runMutants(options: MutantsOptions): Promise<{ tried: Caught[]; left: Mutant[] }> {
  const { root, dir, minutes = Number.POSITIVE_INFINITY, say } = options;
  const tried: Caught[] = [];
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
      const found = await tryOne(mutant, server, copy, join(dir, mutant.name), options.storms);
      await rm(copy, { recursive: true, force: true });
      const seconds = Math.round((performance.now() - begun) / 1000);
      tried.push({ mutant, ...found, seconds });
      say(`${found.caught ? 'caught ' : 'ESCAPED'} ${mutant.name} in ${seconds} s: ${found.how}`);
    }
  } finally {
    process.off('exit', abandoned);
    await server.stop();
  }
  return { tried, left: all.slice(tried.length) };
}

/** By all that must catch it: a test and a storm, where it has both. */
async function tryOne({ by, also }: Mutant, server: ChaosServer, copy: string, dir: string, storms: boolean) {
  if (by.kind === 'test') return byTest(by, server, copy);
  const test = also === undefined ? undefined : await byTest(also, server, copy);
  if (test?.caught === false || (!storms && test !== undefined)) return test;
  const storm = await byStorm(by, server, copy, dir);
  return test === undefined ? storm : { ...storm, how: `${test.how}; ${storm.how}` };
}

/** Whether a fault meets the right moment is chance, and less likely the faster the machine is: up to this number of seeds are tried. */
const SEEDS = 6;

async function byStorm(by: ShortStorm, server: ChaosServer, copy: string, dir: string) {
  const { weights, kills, tasks, pace_ms, seed: first = 1 } = by;
  const bin = join(copy, 'bin/run.js');
  const other = new Set<number>();
  for (let seed = first; seed < first + SEEDS; seed += 1) {
    const result = await storm({ seed, kills, tasks, weights, pace_ms, server, dir, bin, stillMs: 15_000 });
    const rules = broken(result);
    const rule = by.rules.find((one) => rules.includes(one));
    const verdict = result.verdicts.find((one) => one.rule === rule);
    await rm(dir, { recursive: true, force: true });
    if (verdict !== undefined) return { caught: true, how: `rule ${rule}: ${verdict.violations[0]} (seed ${seed})` };
    for (const one of rules) other.add(one);
  }
  const how = `rules ${by.rules.join(', ')} hold with ${SEEDS} seeds; broken: ${[...other].join(', ') || 'none'}`;
  return { caught: false, how };
}

/** The control: the storms that catch mutants, over afd as it is. Returns the names of those that broke a rule. */
export async function runControl(options: MutantsOptions): Promise<string[]> {
  const { dir, say } = options;
  const failed: string[] = [];
  const server = await chaosServer(options.server);
  try {
    for (const { name, by } of wanted(options)) {
      if (by.kind !== 'storm') continue;
      const { weights, kills, tasks, pace_ms, seed = 1 } = by;
      const result = await storm({ seed, kills, tasks, weights, pace_ms, server, dir: join(dir, `${name}-control`) });
      const rules = broken(result);
      if (rules.length > 0) failed.push(name);
      say(
        `${rules.length === 0 ? 'clean' : `BROKEN, rules ${rules.join(', ')}`}: the storm of ${name} over afd itself`,
      );
    }
  } finally {
    await server.stop();
  }
  return failed;
}

/** Caught = the named test fails; a file that cannot be loaded proves nothing. */
async function byTest(by: NamedTest, server: ChaosServer, copy: string) {
  const report = join(copy, 'report.json');
  const { user, password = '', host, port, database } = server.address;
  const url = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  const args = ['run', '--project', by.project, by.file, '-t', by.name, '--reporter=json', `--outputFile=${report}`];
  await new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, [join(copy, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: copy,
      // The copy has its dist: a build would take longer than the test.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, AFD_TEST_DATABASE_URL: url, AFD_TEST_BUILT: '1' },
      stdio: 'ignore',
    });
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  const { numFailedTests = 0 } = JSON.parse(await readFile(report, 'utf8')) as { numFailedTests?: number };
  return { caught: numFailedTests > 0, how: `${by.file}, "${by.name}"` };
}
