// `npm run chaos -- --seed N --kills 1000 --tasks 20000 [--server mariadb|mysql]`: a storm over real processes, and what
// its history proves. What it does is written in test/chaos; jiti runs that TypeScript on every Node.
import { bootstrap, ROOT } from './bootstrap.mjs';
import { readOptions, refuse } from './usage.mjs';

const USAGE = `Usage: npm run chaos [-- options]

A storm of faults over a fleet of real processes, judged by its history (docs/explain/proof.md).

  --seed N          what is random in it                   (default: the time)
  --kills N         processes that are killed              (default: 50)
  --tasks N         tasks that are added                   (default: 20 for each kill)
  --workers N       worker processes
  --server KIND     mariadb or mysql                       (default: mariadb)
  --kinds LIST      these faults alone: kind or kind=weight, with commas between
  --mutants         in place of one storm: each mutant of afd must be caught
  --control         in place of one storm: the mutants' tests without a mutant must pass
  --only NAMES      those mutants alone whose name has one of these words, with commas between
  --turn N          the mutants of one turn of ten alone; auto = the turn of this commit
  --minutes N       begin no mutant after so many minutes
  --check FOLDER    judge the history of an earlier storm again
  --write           put the figures into docs/explain/proof.md`;

const text = { type: 'string' };
const flag = { type: 'boolean', default: false };
const { values } = readOptions(USAGE, {
  options: {
    ...{ seed: text, kills: text, tasks: text, workers: text, server: text, kinds: text, only: text, check: text },
    ...{ turn: text, minutes: text },
    ...{ mutants: flag, control: flag, write: flag },
  },
});
// What runs has servers and copies to remove, which it does as it exits.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 143 })) {
  process.once(signal, () => process.exit(code));
}
await bootstrap();
const { createJiti } = await import('jiti');
const { main, WrongOption } = await createJiti(import.meta.url).import('../test/chaos/main.ts');
try {
  process.exitCode = await main(values, ROOT);
} catch (error) {
  if (error instanceof WrongOption) refuse(USAGE, error.message);
  console.error(error);
  process.exitCode = 1;
}
