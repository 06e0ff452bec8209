// `npm run chaos`: one storm, or the mutants. Its words go to stderr, the summary to stdout.
import { join } from 'node:path';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import { check } from './check/check.ts';
import { clusterServer } from './cluster-server.ts';
import { readEvidence } from './history.ts';
import { runControl, runMutants } from './mutants/run.ts';
import { TURNS, turnOf } from './mutants/turn.ts';
import { EVERYTHING, type FaultKind, KILLS, REPLICATED, type Weights } from './plan.ts';
import { stormBlock, writeProof } from './proof-page.ts';
import { broken, summary, verdictLines } from './report.ts';
import { chaosServer, TOPOLOGIES } from './server.ts';
import { storm } from './storm.ts';

type Texts = 'seed' | 'kills' | 'tasks' | 'workers' | 'remote' | 'server' | 'topology' | 'only' | 'kinds' | 'check';
type Flags = 'mutants' | 'quick' | 'control' | 'write';
/** The options of scripts/chaos.mjs, as they were typed. */
type ChaosValues = Partial<Record<Texts | 'turn' | 'minutes', string>> & Record<Flags, boolean>;

/** The value of an option is none that it may have. */
export class WrongOption extends Error {}

/** @throws WrongOption before anything is begun */
export async function main(values: ChaosValues, root: string): Promise<number> {
  const number = (name: keyof typeof values, text: string) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new WrongOption(`--${name} must be a whole number, not "${text}"`);
    return value;
  };
  const given = (name: 'workers' | 'remote') => {
    const text = values[name];
    return text === undefined ? {} : { [name]: number(name, text) };
  };
  const seed = number('seed', values.seed ?? String(Math.floor(Date.now() / 1000)));
  const kills = number('kills', values.kills ?? '50');
  const tasks = number('tasks', values.tasks ?? String(kills * 20));
  const kind = (values.server ?? 'mariadb') as ServerKind;
  if (kind !== 'mariadb' && kind !== 'mysql') throw new WrongOption(`--server is mariadb or mysql, not "${kind}"`);
  const topology = TOPOLOGIES.find((one) => one === values.topology);
  if (values.topology !== undefined && topology === undefined)
    throw new WrongOption(`--topology is ${TOPOLOGIES.join(', ')}, not "${values.topology}"`);
  const every = topology === undefined ? EVERYTHING : REPLICATED;
  const weights = values.kinds === undefined ? every : only(values.kinds, every);
  const plan = { seed, kills, tasks, weights, ...given('workers'), ...given('remote') };
  if (!values.mutants && (values.quick || (values.turn ?? values.minutes) !== undefined))
    throw new WrongOption('--turn, --minutes and --quick go with --mutants');
  const runs = join(root, '.afd', 'chaos');
  if (values.check !== undefined) {
    const verdicts = check(await readEvidence(values.check));
    process.stdout.write(`${verdictLines(verdicts).join('\n')}\n`);
    return verdicts.every((one) => one.violations.length === 0) ? 0 : 1;
  }
  const { turn: asked, minutes } = values;
  const options = { root, dir: join(runs, 'mutants'), server: kind, only: values.only, storms: !values.quick, say };
  if (values.control) return (await runControl(options)).length === 0 ? 0 : 1;
  if (values.mutants) {
    const turn = asked === undefined ? undefined : asked === 'auto' ? turnOf(root) : number('turn', asked);
    if (turn !== undefined && turn >= TURNS) throw new WrongOption(`--turn is auto, or 0 to ${TURNS - 1}`);
    if (turn !== undefined) say(`turn ${turn} of ${TURNS}`);
    const most = minutes === undefined ? undefined : number('minutes', minutes);
    const { tried, left } = await runMutants({ ...options, turn, minutes: most });
    const escaped = tried.filter((one) => !one.caught).map((one) => one.mutant);
    const named = (what: string, all: Array<{ name: string }>) =>
      all.length === 0 ? '' : `; ${what}: ${all.map((one) => one.name).join(', ')}`;
    const others = named('escaped', escaped) + named('not reached in time', left);
    process.stdout.write(`${tried.length - escaped.length} of ${tried.length} mutants caught${others}\n`);
    return escaped.length === 0 && tried.length > 0 ? 0 : 1;
  }
  const dir = join(runs, `${topology ?? kind}-${seed}-${Date.now().toString(36)}`);
  say(`seed ${seed}; everything is kept in ${dir}`);
  const server = topology === undefined ? await chaosServer(kind) : await clusterServer(topology);
  try {
    const result = await storm({ ...plan, server, dir, say });
    process.stdout.write(`${summary(result)}\n`);
    if (values.write) writeProof(root, topology ?? kind, stormBlock(result));
    return broken(result).length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

/** `kind,kind=weight,…`: those faults alone, by the usual weight or another; a kill must be among them. */
function only(text: string, every: Weights): Weights {
  const kinds = text.split(',').map((one) => {
    const [kind = '', weight] = one.split('=');
    return [kind, weight === undefined ? every[kind as FaultKind] : Number(weight)] as const;
  });
  const wrong = kinds.filter(([kind, weight]) => !(kind in every) || !(Number(weight) > 0)).map(([kind]) => kind);
  if (wrong.length > 0) throw new WrongOption(`--kinds: not ${wrong.join(', ')}; ${Object.keys(every).join(', ')}`);
  if (!kinds.some(([kind]) => KILLS.includes(kind))) throw new WrongOption(`--kinds needs one of ${KILLS.join(', ')}`);
  return Object.fromEntries(kinds);
}

const begun = performance.now();

function say(text: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stderr.write(`chaos ${seconds} s: ${text}\n`);
}
