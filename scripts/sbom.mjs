// `npm run sbom`: what is installed with afd, as a CycloneDX document (JSON) for scanners. npm writes it from the lock file;
// nothing is asked of the network.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from './bootstrap.mjs';
import { packagesOf } from './supply-chain.mjs';
import { readOptions } from './usage.mjs';

const { values } = readOptions(
  `Usage: npm run sbom [-- options]

Writes the packages that are installed with afd as a CycloneDX document, to standard output or to a file.

  --file FILE   write to this file`,
  { options: { file: { type: 'string' } } },
);
const argv = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
const made = JSON.parse(execFileSync('npm', argv, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }));
// Not by "--omit dev": it leaves out what is needed by a package for development too.
const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
const installed = new Set(packagesOf(lock).flatMap((one) => (one.installed ? [`${one.name}@${one.version}`] : [])));
made.components = made.components.filter((one) => installed.has(`${one.name}@${one.version}`));
const refs = new Set([made.metadata.component['bom-ref'], ...made.components.map((one) => one['bom-ref'])]);
made.dependencies = made.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
// npm names the folder of the project.
Object.assign(made.metadata.component, { name, version });
const text = `${JSON.stringify(made, null, 2)}\n`;
if (values.file === undefined) process.stdout.write(text);
else writeFileSync(resolve(values.file), text);
