// Measures two trees of afd side by side: what a change costs. Runs alternate (before after, after before, …) on one server,
// and each begins with a fresh schema after a pause in which the server finishes what the last run left it.
//   node bench/trees.mjs FOLDER [--servers mariadb,mysql] [--reps 8] [--pause 3] [--json] [WORKLOAD:PROCESSESxSLOTS:N …]
// FOLDER: another checkout of afd, with its packages installed and built. Workloads: drain, latency, idle, scale, crowd. N: tasks, of idle seconds.
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrap, ROOT } from '../scripts/bootstrap.mjs';

await bootstrap();
const { machine } = await import('./machine.mjs');
const { median } = await import('./median.mjs');
const { Servers } = await import('./servers/servers.mjs');
const { WORKLOADS } = await import('./workloads/registry.mjs');

const SERVERS = ['mariadb', 'mysql'];
const USAGE = `node bench/trees.mjs FOLDER [--servers LIST] [--reps N] [--pause S] [--json] [WORKLOAD:PROCESSESxSLOTS:N …]`;
const USUAL = ['drain:4x10:40000', 'drain:4x50:40000', 'latency:4x10:100', 'idle:4x10:20'];
/** Figures of which more is better. */
const MORE_IS_BETTER = ['tasks_per_s'];

const options = read(process.argv.slice(2));
const servers = new Servers({ install: false });
const rows = [];
try {
  for (const profile of options.servers) {
    const trees = [await peer(options.before, profile), await peer(ROOT, profile)];
    for (const spec of options.specs) rows.push(...(await compare(profile, trees, spec)));
    for (const one of trees) await one.close();
  }
} finally {
  await servers.stop();
}
console.log(table(rows));
console.log(
  `\nMeasured on ${new Date().toISOString().slice(0, 10)}: ${await machine()}; ${options.reps} pairs of runs, medians.`,
);

async function peer(folder, profile) {
  const { afd } = await import(pathToFileURL(resolve(folder, 'bench/peers/afd.mjs')).href);
  return afd.open(profile, { servers });
}

/** Rows of the table: one for each figure that both trees told. */
async function compare(profile, trees, { workload, workers, slots, n }) {
  const told = [new Map(), new Map()];
  for (let rep = 0; rep < options.reps; rep += 1) {
    for (const which of rep % 2 === 0 ? [0, 1] : [1, 0]) {
      await pause(options.pause * 1000);
      const results = [await WORKLOADS[workload].run(trees[which], { workers, slots, n })].flat();
      for (const one of results) note(told[which], one);
      const line = { tree: ['before', 'after'][which], profile, workload, workers, slots, rep: rep + 1, results };
      if (options.json) console.log(JSON.stringify(line));
      else console.error(JSON.stringify(line));
    }
  }
  const size = `${workers} × ${slots}`;
  return [...told[0]]
    .filter(([figure]) => told[1].has(figure))
    .map(([figure, values]) => {
      const others = told[1].get(figure);
      const more = MORE_IS_BETTER.some((one) => figure.endsWith(one));
      // Of each pair by itself: the two runs of a pair meet the same minute of the machine.
      const ratio = median(values.map((value, n) => (more ? others[n] / value : value / others[n])));
      return { profile, workload, size, figure, before: median(values), after: median(others), ratio };
    });
}

function note(told, { what, n: _n, seconds: _seconds, ...figures }) {
  for (const [name, value] of Object.entries(figures)) {
    if (typeof value !== 'number') continue;
    const figure = what === undefined ? name : `${what}: ${name}`;
    told.set(figure, [...(told.get(figure) ?? []), value]);
  }
}

function table(lines) {
  const show = (value) =>
    value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));
  const ratio = (value) => (Number.isFinite(value) ? value.toFixed(2) : '');
  return [
    '| server | workload | processes × slots | figure | before | after | ratio (1: as before, more: better) |',
    '| --- | --- | --- | --- | --: | --: | --: |',
    ...lines.map(
      (one) =>
        `| ${one.profile} | ${one.workload} | ${one.size} | ${one.figure} | ${show(one.before)} | ${show(one.after)} | ${ratio(one.ratio)} |`,
    ),
  ].join('\n');
}

function read(argv) {
  let given;
  try {
    given = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        servers: { type: 'string', default: SERVERS.join(',') },
        reps: { type: 'string', default: '8' },
        pause: { type: 'string', default: '3' },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    stop(error.message);
  }
  const [before, ...specs] = given.positionals;
  if (before === undefined) stop('Which tree is the one before?');
  return {
    before,
    servers: given.values.servers.split(',').map(server),
    reps: whole('--reps', given.values.reps, 1),
    pause: whole('--pause', given.values.pause, 0),
    json: given.values.json,
    specs: (specs.length > 0 ? specs : USUAL).map(spec),
  };
}

function server(name) {
  if (!SERVERS.includes(name)) stop(`There is no server "${name}" (${SERVERS.join(', ')}).`);
  return name;
}

function whole(flag, text, least) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) stop(`${flag} takes a whole number from ${least} on, not "${text}".`);
  return value;
}

function spec(text) {
  const [, workload, workers, slots, n] = /^(drain|latency|idle|scale|crowd):(\d+)x(\d+):(\d+)$/.exec(text) ?? [];
  if (workload === undefined) stop(`"${text}" is not WORKLOAD:PROCESSESxSLOTS:N, e.g. drain:4x10:40000.`);
  return { workload, workers: Number(workers), slots: Number(slots), n: Number(n) };
}

function stop(text) {
  console.error(`${text}\n\n${USAGE}`);
  process.exit(2);
}
