import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = new URL('../../', import.meta.url);
const NOT_OURS = /^(node_modules|dist|coverage|\.git|\.afd)\//;

/** Paths of the files of the project, with slashes: what git tracks, or, in an unpacked archive, what lies there. */
export function projectFiles(): string[] {
  const folder = fileURLToPath(ROOT);
  try {
    const out = execFileSync('git', ['ls-files', '-z'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return out.split('\0').filter((path) => path !== '');
  } catch {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length).replace(/^\/+/, ''))
      .filter((path) => !NOT_OURS.test(path));
  }
}

/** Text of a file of the project; undefined when it is gone from the working tree. */
export function readProjectFile(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
