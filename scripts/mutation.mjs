// `npm run mutation`: Stryker changes the code that needs no database, one expression at a time, and runs the unit tests that
// reach it. What survives must be in test/mutation/survivors.json, with the reason why nobody need notice it.
// Exit code 1 = a mutant survived that is not listed, or the score is too low; 2 = the command line, or no report.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { judged, scoreOf } from './mutation-report.mjs';
import { readOptions, refuse } from './usage.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LEAST_SCORE = 97;
const REPORT = join(ROOT, '.afd/mutation/report.json');
const SANDBOX = join(ROOT, '.afd/mutation/sandbox');
const LIST = join(ROOT, 'test/mutation/survivors.json');

const USAGE = `Usage: npm run mutation [-- FILE… | options]

Stryker changes the code that needs no database, one expression at a time, and the unit tests must fail. Without a file, all of it
is tested (stryker.config.json), and the score must reach ${LEAST_SCORE} %.

  --changed         only files that differ from the start of this branch, or from the previous commit
  --minutes N       stop after N minutes`;

const patterns = JSON.parse(readFileSync(join(ROOT, 'stryker.config.json'), 'utf8')).mutate;
const { values, positionals } = readOptions(USAGE, {
  options: { changed: { type: 'boolean', default: false }, minutes: { type: 'string' } },
  positionals: true,
});
const { changed } = values;
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (minutes !== undefined && !(minutes > 0)) refuse(USAGE, `--minutes must be a number, not "${values.minutes}"`);
if (changed && positionals.length > 0) refuse(USAGE, 'give either --changed or files, not both');
for (const file of positionals) if (!isMutated(file)) refuse(USAGE, `stryker.config.json does not name ${file}`);
const wanted = changed ? changedFiles().filter(isMutated) : positionals;
if (changed && wanted.length === 0) {
  console.log('No file that Stryker mutates has changed.');
  process.exit(0);
}
await bootstrap();
for (const left of [REPORT, SANDBOX]) rmSync(left, { recursive: true, force: true });
const late = await stryker();
if (late) {
  console.log(`Stopped after ${minutes} minutes. For a complete run: npm run mutation -- ${wanted.join(' ')}`);
  process.exit(0);
}
if (!existsSync(REPORT)) stop('Stryker wrote no report.', 2);
judge(JSON.parse(readFileSync(REPORT, 'utf8')));

/** A pattern is a file, or a folder followed by `/**`. */
function isMutated(file) {
  const fits = (pattern) => (pattern.endsWith('/**/*.ts') ? file.startsWith(pattern.slice(0, -7)) : file === pattern);
  return patterns.some(fits) && existsSync(join(ROOT, file));
}

/** Since this branch left the main one; on the main one, and where there is none, since the commit before. */
function changedFiles() {
  const git = (...args) => {
    const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const head = git('rev-parse', 'HEAD');
  const bases = ['origin/HEAD', 'origin/main', 'main', 'master'].map((name) => git('merge-base', 'HEAD', name));
  const base = bases.find((one) => one !== undefined && one !== head) ?? git('rev-parse', 'HEAD~1');
  if (head === undefined || base === undefined) return [];
  // What has not been committed counts too.
  const names = [git('diff', '--name-only', base), git('ls-files', '--others', '--exclude-standard')];
  return names.flatMap((text) => (text ?? '').split('\n')).filter((name) => name !== '');
}

/** True = it took too long and was ended. */
async function stryker() {
  const args = ['run', 'stryker.config.json', ...(wanted.length === 0 ? [] : ['--mutate', wanted.join(',')])];
  const child = spawn(process.execPath, [join(ROOT, 'node_modules/@stryker-mutator/core/bin/stryker.js'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  let over = false;
  let asked;
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 143 })) {
    process.once(signal, () => {
      asked = code;
      child.kill('SIGTERM');
    });
  }
  const timer =
    minutes === undefined
      ? undefined
      : setTimeout(() => {
          over = true;
          child.kill('SIGTERM');
        }, minutes * 60_000);
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  // What it works in stays when it is ended.
  rmSync(SANDBOX, { recursive: true, force: true });
  if (asked !== undefined) process.exit(asked);
  return over;
}

function judge(report) {
  const { survivors, unlisted, stale } = judged(report, JSON.parse(readFileSync(LIST, 'utf8')));
  const { score, killed, all } = scoreOf(report);
  for (const one of unlisted) console.log(`SURVIVED  ${one.file}:${one.line}  ${one.was}  →  ${one.becomes}`);
  for (const one of stale)
    console.log(`NO LONGER SURVIVES  ${one.file}: ${one.was}  →  ${one.becomes}: remove it from the list`);
  console.log(
    `${killed} of ${all} mutants noticed: ${score.toFixed(1)} %; ${survivors.length - unlisted.length} survive for a reason`,
  );
  const low = wanted.length === 0 && score < LEAST_SCORE;
  if (low) console.log(`The score must be at least ${LEAST_SCORE} %.`);
  process.exitCode = unlisted.length > 0 || stale.length > 0 || low || all === 0 ? 1 : 0;
}

function stop(text, code) {
  console.error(text);
  process.exit(code);
}
