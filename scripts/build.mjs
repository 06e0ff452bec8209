// src → dist (incremental tsc), then the oclif manifest. Does nothing when nothing changed since the last good build,
// so that every script may call it first. Two builds at once wait for each other.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readOptions } from './usage.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.build-stamp');
const MANIFEST = join(ROOT, 'oclif.manifest.json');
const LOCK = join(ROOT, 'node_modules', '.afd-build-lock');

/**
 * Returns `{ built, problems }`. JavaScript is written also when types do not fit: `problems` then holds the compiler's
 * words, and no stamp is kept, so that the next build checks again.
 */
export async function build() {
  const release = await lock();
  try {
    const inputs = await sources();
    const print = await fingerprint(inputs);
    if ((await read(STAMP)) === print && (await complete(inputs)) && (await read(MANIFEST)) !== '')
      return { built: false, problems: '' };
    await rm(STAMP, { force: true });
    await removeOrphans(inputs);
    // tsc trusts its build info, not the folder: without this a deleted file of dist would never come back.
    if (!(await complete(inputs))) await rm(join(DIST, '.tsbuildinfo'), { force: true });
    const tsc = run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--pretty', 'false']);
    // In a process of its own: a long-lived caller would get the modules of its first build.
    const manifest = run(['scripts/manifest.mjs']);
    const problems = [tsc, manifest].filter((text) => text !== '').join('\n');
    if (problems === '') await writeFile(STAMP, print);
    return { built: true, problems };
  } finally {
    await release();
  }
}

function run(args) {
  const result = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  if (result.status === 0) return '';
  return `${result.stdout}${result.stderr}`.trim() || `${args[0]} ended with ${result.status ?? result.signal}`;
}

async function sources() {
  const files = await readdir(join(ROOT, 'src'), { recursive: true });
  return files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts')).sort();
}

async function fingerprint(inputs) {
  const hash = createHash('sha256');
  const others = ['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/manifest.mjs'];
  for (const file of [...inputs.map((one) => join('src', one)), ...others]) {
    const { mtimeMs, size } = await stat(join(ROOT, file));
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest('hex');
}

/** True when every source has its JavaScript. */
async function complete(inputs) {
  const there = new Set(await outputs());
  return inputs.every((file) => there.has(file.replace(/\.ts$/, '.js')));
}

async function outputs() {
  const files = await readdir(DIST, { recursive: true }).catch(() => []);
  return files.map((file) => relative(DIST, join(DIST, file)));
}

/** A command whose source was deleted must not stay in the program. */
async function removeOrphans(inputs) {
  const wanted = new Set(inputs.flatMap((file) => [file.replace(/\.ts$/, '.js'), file.replace(/\.ts$/, '.d.ts')]));
  const made = (await outputs()).filter((file) => /\.(js|d\.ts)$/.test(file));
  await Promise.all(made.filter((file) => !wanted.has(file)).map((file) => rm(join(DIST, file), { force: true })));
}

/** A file that appears with its content at once (link), naming the process that holds it. */
async function lock() {
  const mine = `${LOCK}.${process.pid}`;
  await mkdir(join(ROOT, 'node_modules'), { recursive: true });
  await writeFile(mine, String(process.pid));
  try {
    for (;;) {
      try {
        await link(mine, LOCK);
        return () => rm(LOCK, { force: true });
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = Number(await read(LOCK));
      if (holder > 0 && !alive(holder)) await rm(LOCK, { force: true });
      else await pause(100);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function read(file) {
  return readFile(file, 'utf8').catch(() => '');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  readOptions(`Usage: npm run build

Compiles src to dist and writes the manifest of the commands. Does nothing if no source file has changed.`);
  const { problems } = await build();
  if (problems !== '') {
    console.error(problems);
    process.exitCode = 1;
  }
}
