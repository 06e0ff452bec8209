// Writes oclif.manifest.json from dist/commands, so that a command starts without loading all others. The `oclif`
// package does the same, and would be 40 MB for these few lines.
import { access, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Returns the number of commands in the manifest. */
export async function writeManifest(root) {
  const file = join(root, 'oclif.manifest.json');
  // A manifest of an earlier build would hide what is new, and it is what an error here must not leave behind.
  await rm(file, { force: true });
  if (!(await exists(join(root, 'dist', 'commands')))) return 0;
  // Anything else makes oclif look for the TypeScript sources.
  process.env.NODE_ENV = 'production';
  const { Plugin } = await import('@oclif/core');
  const plugin = new Plugin({
    root,
    type: 'core',
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  const count = Object.keys(plugin.manifest.commands).length;
  if (count > 0) await writeFile(file, `${JSON.stringify(plugin.manifest, null, 2)}\n`);
  return count;
}

async function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const count = await writeManifest(fileURLToPath(new URL('..', import.meta.url)));
  console.log(`oclif.manifest.json: ${count} commands`);
}
