// `npm run chaos -- --seed N --kills 1000 --tasks 20000 [--server mariadb|mysql]`: a storm over real processes, and what
// its history proves. What it does is written in test/chaos; jiti runs that TypeScript on every Node.
import { bootstrap, ROOT } from './bootstrap.mjs';
import { readOptions, refuse } from './usage.mjs';

const USAGE = `Usage: npm run chaos [-- options]

Injects faults into a fleet of real processes, and checks the recorded history (docs/explain/proof.md).

  --seed N          seed of all random choices             (default: the time)
  --kills N         number of processes to kill            (default: 50)
  --tasks N         number of tasks to add                 (default: 20 per kill)
  --workers N       number of worker processes             (default: 6)
  --remote N        how many of them have only the two gateways (default: half)
  --server KIND     mariadb or mysql                       (default: mariadb)
  --topology NAME   group, semisync or galera in place of one server; AFD_TEST_MYSQL_GROUP, AFD_TEST_MARIADB_PAIR or
                    AFD_TEST_MARIADB_GALERA names the script that starts it
  --kinds LIST      only these faults: kind or kind=weight, comma-separated
  --mutants         instead of one storm: every mutant of afd must be caught
  --control         instead of one storm: the tests of the mutants must pass without a mutant
  --only NAMES      only mutants whose name contains one of these comma-separated words
  --turn N          only the mutants of turn N of ten; auto = the turn of this commit
  --minutes N       start no more mutants after N minutes
  --quick           no storm for a mutant that a test catches as well
  --check FOLDER    check the history of an earlier storm again
  --write           write the figures to docs/explain/proof.md`;

const text = { type: 'string' };
const flag = { type: 'boolean', default: false };
const { values } = readOptions(USAGE, {
  options: {
    ...{
      seed: text,
      kills: text,
      tasks: text,
      workers: text,
      remote: text,
      server: text,
      topology: text,
      kinds: text,
      only: text,
      check: text,
    },
    ...{ turn: text, minutes: text },
    ...{ mutants: flag, quick: flag, control: flag, write: flag },
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
  // At once: Node 20 waits, spinning, for a handle of a socket that was cut if it takes itself apart instead.
  process.exit(await main(values, ROOT));
} catch (error) {
  if (error instanceof WrongOption) refuse(USAGE, error.message);
  console.error(error);
  process.exitCode = 1;
}
