// A copy of this project with a patch in it: its sources for vitest, and its dist for processes. The project stays as it is.
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Patch } from './mutant.ts';

const PARTS = ['src', 'test', 'scripts', 'bin', 'examples', 'migrations', 'dist'];
const FILES = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts'];
const OPTIONAL = ['oclif.manifest.json'];

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
  for (const part of PARTS) await cp(join(root, part), join(to, part), { recursive: true });
  for (const file of FILES) await cp(join(root, file), join(to, file));
  for (const file of OPTIONAL) await cp(join(root, file), join(to, file)).catch(() => {});
  await symlink(join(root, 'node_modules'), join(to, 'node_modules'), 'dir');
  for (const patch of patches) {
    const source = join(to, patch.file);
    const text = applyPatch(await readFile(source, 'utf8'), patch);
    await writeFile(source, text);
    const built = join(to, patch.file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'));
    await mkdir(dirname(built), { recursive: true });
    await writeFile(built, compiled(text));
  }
}

function compiled(text: string): string {
  return ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
    },
  }).outputText;
}
