// A copy of this project with a patch in it: its sources for vitest, and its dist for processes. The project stays as it is.
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Patch } from './mutant.ts';

const PARTS = ['src', 'test', 'scripts', 'bin', 'examples', 'migrations', 'dist'];
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts'];
const OPTIONAL = 'oclif.manifest.json';

/** The text with the patch. @throws Error unless it matches exactly once */
export function applyPatch(text: string, { file, find, replace }: Patch): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`a patch of ${file} matches ${places} times instead of once: ${find}`);
  return text.replace(find, () => replace);
}

/** Makes the copy; the caller removes it. @throws Error when a patch does not fit */
export async function mutatedCopy(root: string, to: string, patches: Patch[]): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  for (const one of [...PARTS, ...FILES]) await cp(join(root, one), join(to, one), { recursive: true });
  await cp(join(root, OPTIONAL), join(to, OPTIONAL)).catch(() => {});
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'), 'dir');
  for (const patch of patches) {
    const source = join(to, patch.file);
    const text = applyPatch(await readFile(source, 'utf8'), patch);
    await writeFile(source, text);
    const built = join(to, patch.file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
    await mkdir(dirname(built), { recursive: true });
    const { ScriptTarget, ModuleKind } = ts;
    const as = { target: ScriptTarget.ES2023, module: ModuleKind.ESNext, verbatimModuleSyntax: true };
    const compilerOptions = { ...as, rewriteRelativeImportExtensions: true };
    await writeFile(built, ts.transpileModule(text, { compilerOptions }).outputText);
  }
}
