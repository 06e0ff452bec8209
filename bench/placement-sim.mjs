// How well placement works, by simulation: who runs what, against a dispatcher that knows everything at once; and how
// long a mixed backlog takes. Seeded: the same figures in every run, on every machine.
//   npm run build && node bench/placement-sim.mjs [--tasks 20000] [--seeds 3]
import { parseArgs } from 'node:util';
import { DEFAULT_POLICY } from '../dist/core/domain/placement/policy.js';
import { makespan } from './placement/makespan.mjs';
import { distance, simulate } from './placement/online.mjs';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '20000' },
    seeds: { type: 'string', default: '3' },
    strategy: { type: 'string', multiple: true, default: ['least_tasks', 'round_robin', 'weighted'] },
  },
});
const tasks = Number(values.tasks);
const seeds = Array.from({ length: Number(values.seeds) }, (_, n) => n + 1);
const LOADS = [0.05, 0.2, 0.5, 0.8];
/** Milliseconds. Older rows are read with the INSERT of the task. */
const FRESH_MS = 1000;
const WAYS = [
  { name: 'directed, 1 sender', how: { kind: 'ring', senders: 1, states: true, fresh: FRESH_MS } },
  { name: 'directed, 8 senders', how: { kind: 'ring', senders: 8, states: true, fresh: FRESH_MS } },
  { name: 'the same, rows each second', how: { kind: 'ring', senders: 8, states: true } },
  { name: 'the same, and acknowledgements alone', how: { kind: 'ring', senders: 8, states: false } },
  { name: 'polling alone (1 s)', how: { kind: 'poll' } },
];

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const percent = (share) => (100 * share).toFixed(share < 0.0995 ? 1 : 0);
const row = (cells) => `| ${cells.join(' | ')} |`;

for (const strategy of values.strategy) {
  const policy = { ...DEFAULT_POLICY, strategy };
  console.log(`\n### ${strategy}\n`);
  console.log(row(['way', ...LOADS.map((load) => `load ${percent(load)} %`)]));
  console.log(row(['---', ...LOADS.map(() => '---')]));
  const best = LOADS.map((load) =>
    seeds.map((seed) => simulate({ policy, load, tasks, seed, how: { kind: 'omniscient' } })),
  );
  const shares = (runs) =>
    runs[0].shares.map((_, n) => Math.round(100 * median(runs.map((one) => one.shares[n])))).join('/');
  console.log(
    row([
      'omniscient dispatcher',
      ...best.map((runs) => `${shares(runs)}, p99 ${median(runs.map((one) => one.p99)).toFixed(0)}`),
    ]),
  );
  for (const { name, how } of WAYS) {
    const cells = LOADS.map((load, at) => {
      const runs = seeds.map((seed) => simulate({ policy, load, tasks, seed, how }));
      const apart = median(runs.map((one, n) => distance(one.shares, best[at][n].shares)));
      const of = (key, digits) => median(runs.map((one) => one[key])).toFixed(digits);
      return `${shares(runs)} **${percent(apart)}** ${of('p50', 0)}/${of('p99', 0)} c${of('claims', 1)}`;
    });
    console.log(row([name, ...cells]));
  }
  // Why equal devices have tie-breakers: what it would be if every sender took the first by name.
  const named = LOADS.map((load) =>
    median(
      seeds.map((seed) => {
        const [one, two] = [WAYS[1].how, { kind: 'omniscient' }].map((how) =>
          simulate({ policy, load, tasks, seed, how, ties: 'name' }),
        );
        return distance(one.shares, two.shares);
      }),
    ),
  );
  console.log(row(['directed, 8 senders, equal devices by name', ...named.map((apart) => `**${percent(apart)}**`)]));
}

console.log('\n### makespan of a mixed backlog\n');
console.log(row(['order of the lanes', 'seconds', 'of the lower bound']));
console.log(row(['---', '---', '---']));
for (const scarce of [false, true]) {
  const runs = seeds.map((seed) => makespan({ tasks: tasks / 2, seed, scarce }));
  const seconds = median(runs.map((one) => one.ms)) / 1000;
  const bound = median(runs.map((one) => one.bound)) / 1000;
  console.log(
    row([scarce ? 'what fewer devices can run first' : 'in turn', seconds.toFixed(0), (seconds / bound).toFixed(3)]),
  );
}
