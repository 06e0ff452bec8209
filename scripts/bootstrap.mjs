// What every script needs before it can do its own work on a fresh clone: a Node that is new enough, the packages, dist.
// Only Node's own modules here: nothing else is installed yet.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Ends the process with a sentence when something is missing that it cannot get, or when the build fails; a caller that
 * shows the build's problems itself says `allowProblems`. `say` gets a line for each step that takes time.
 */
export async function bootstrap({ say = (text) => console.error(text), allowProblems = false } = {}) {
  checkNode();
  if (packagesAreStale()) {
    say('Installing packages (npm ci) …');
    installPackages();
  }
  const { build } = await import('./build.mjs');
  const { problems } = await build();
  if (problems !== '' && !allowProblems) stop(`The build failed:\n${problems}`, 1);
  return { problems };
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).engines.node.replace(/^>=/, '');
  const [major, minor] = wanted.split('.').map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  stop(`afd needs Node ${wanted} or newer; this is ${process.versions.node}.\n  Try: nvm install 22`, 1);
}

function packagesAreStale() {
  try {
    // npm writes this file at the end of an installation.
    const installed = statSync(join(ROOT, 'node_modules/.package-lock.json')).mtimeMs;
    return installed < statSync(join(ROOT, 'package-lock.json')).mtimeMs;
  } catch {
    return true;
  }
}

function installPackages() {
  const npm = process.env.npm_execpath;
  const argv = ['ci', '--include=dev', '--no-fund', '--no-audit', '--loglevel=error'];
  const [program, args] = npm?.endsWith('.js') ? [process.execPath, [npm, ...argv]] : ['npm', argv];
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ['ignore', 2, 2], env: { ...process.env, ...cache() } });
  if (result.status === 0) return;
  stop(`npm ci failed (${result.error?.message ?? `exit ${result.status}`}).\n  Try: npm ci`, result.status ?? 1);
}

/** npm keeps its cache in the home folder; where there is none, or none that can be written, a temporary one does. */
function cache() {
  if (process.env.npm_config_cache !== undefined) return {};
  try {
    accessSync(homedir(), constants.W_OK);
    return {};
  } catch {
    return { npm_config_cache: mkdtempSync(join(tmpdir(), 'afd-npm-')) };
  }
}

function stop(text, code) {
  console.error(text);
  process.exit(code);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await bootstrap();
