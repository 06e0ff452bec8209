// `npm run bench -- <workload> …`: measures afd and its peers side by side (docs/benchmarks.md says how).
import { bootstrap } from '../scripts/bootstrap.mjs';
import { readOptions } from '../scripts/usage.mjs';

await bootstrap();
// It has no peer to be compared with.
if (process.argv[2] === 'fleet') {
  await import('./fleet.mjs');
  process.exit();
}
const { HELP, OPTIONS, readArguments } = await import('./arguments.mjs');
const given = readOptions(HELP, { options: OPTIONS, positionals: true, check: readArguments });
const { measure } = await import('./measure.mjs');
const { tables } = await import('./table.mjs');
const { machine } = await import('./machine.mjs');
const { writeTables } = await import('./report.mjs');
const options = readArguments(given);
const results = [];
const on = await machine();
const { missing, failed, peers } = await measure(options, (result) => {
  results.push(result);
  if (options.json) console.log(JSON.stringify(result));
  else console.error(progress(result));
});
const day = new Date().toISOString().slice(0, 10);
const about = [`Measured on ${day}: ${on}; medians of ${options.reps}.`, ...peers.map((one) => `- ${one}`)];
if (options.json) console.log(JSON.stringify({ about }));
else console.log([...Object.values(tables(options.workload, results)), about.join('\n')].filter(Boolean).join('\n\n'));
if (options.write && results.length > 0 && failed.length === 0) writeTables(options.workload, results, about);
for (const text of missing) console.error(`not measured: ${text}`);
for (const text of failed) console.error(`FAILED: ${text}`);
process.exitCode = failed.length > 0 || results.length === 0 ? 1 : 0;

function progress({ peer, profile, workers, slots, rep, what = '', workload: _workload, ...figures }) {
  const size = workers === undefined ? '' : `${workers} × ${slots} `;
  return `${peer} ${profile} ${size}${what} (repetition ${rep}): ${JSON.stringify(figures)}`;
}
