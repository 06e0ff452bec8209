// `npm run format`: writes every file as biome would.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap, ROOT } from './bootstrap.mjs';
import { readOptions } from './usage.mjs';

readOptions(`Usage: npm run format

Formats every file as "npm run check" requires.`);
await bootstrap({ allowProblems: true });
const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
const { status } = spawnSync(process.execPath, [biome, 'format', '--write', '.'], { cwd: ROOT, stdio: 'inherit' });
process.exitCode = status ?? 1;
