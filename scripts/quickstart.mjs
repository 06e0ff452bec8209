// `npm run quickstart`: from a fresh clone to three devices and an elected leader that finish a crawl while one of them
// is killed. `--json` prints one object at the end and nothing else on stdout.
import { bootstrap } from './bootstrap.mjs';
import { readOptions } from './usage.mjs';

const since = Date.now();
const { values } = readOptions(
  `Usage: npm run quickstart [-- --json]

  --json   print one JSON object at the end, and nothing else on stdout

Set AFD_DATABASE_URL to use an existing server instead of a private one.`,
  { options: { json: { type: 'boolean', default: false } } },
);

await bootstrap();
// Only now are the packages there. Node 20 cannot load TypeScript itself.
const { createJiti } = await import('jiti');
const jiti = createJiti(import.meta.url, { fsCache: false });
const { quickstart } = await jiti.import('../examples/appsflyer/quickstart.ts');
process.exitCode = await quickstart({ json: values.json, since });
