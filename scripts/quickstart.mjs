// `npm run quickstart`: from a fresh clone to three devices and an elected leader that finish a crawl while one of them
// is killed. `--json` prints one object at the end and nothing else on stdout.
import { bootstrap } from './bootstrap.mjs';

const since = Date.now();
const known = new Set(['--json', '--help']);
const args = process.argv.slice(2);
const unknown = args.filter((arg) => !known.has(arg));
if (unknown.length > 0 || args.includes('--help')) {
  console.error(
    'Usage: npm run quickstart [-- --json]\n\nAFD_DATABASE_URL names a server to use in place of a private one.',
  );
  process.exit(unknown.length > 0 ? 2 : 0);
}

await bootstrap();
// Only now are the packages there. Node 20 cannot load TypeScript itself.
const { createJiti } = await import('jiti');
const jiti = createJiti(import.meta.url, { fsCache: false });
const { quickstart } = await jiti.import('../examples/appsflyer/quickstart.ts');
process.exitCode = await quickstart({ json: args.includes('--json'), since });
