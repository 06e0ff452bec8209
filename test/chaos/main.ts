// `npm run chaos`: one storm, or the mutants. Its words go to stderr, the summary to stdout.
import { join } from 'node:path';
import type { ServerKind } from '../../src/core/server/server-program.ts';
import { check } from './check/check.ts';
import { clusterServer } from './cluster-server.ts';
import { readEvidence } from './kept.ts';
import { runControl, runMutants } from './mutants/run.ts';
import { TURNS, turnOf } from './mutants/turn.ts';
import { EVERYTHING, type FaultKind, KILLS, REPLICATED, type Weights } from './plan.ts';
import { stormBlock, writeProof } from './proof-page.ts';
import { broken, summary, verdictLines } from './report.ts';
import { chaosServer, TOPOLOGIES } from './server.ts';
import { storm } from './storm.ts';

/** The options of scripts/chaos.mjs, as they were typed. */
export interface ChaosValues {
  seed?: string;
  kills?: string;
  tasks?: string;
  workers?: string;
  remote?: string;
  server?: string;
  topology?: string;
  only?: string;
  kinds?: string;
  check?: string;
  turn?: string;
  minutes?: string;
  mutants: boolean;
  quick: boolean;
  control: boolean;
  write: boolean;
}

/** The value of an option is none that it may have. */
export class WrongOption extends Error {}

/** @throws WrongOption before anything is begun */
export async function main(values: ChaosValues, root: string): Promise<number> {
  const number = (name: string, text: string) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new WrongOption(`--${name} must be a whole number, not "${text}"`);
    return value;
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
  const workers = {
    ...(values.workers === undefined ? {} : { workers: number('workers', values.workers) }),
    ...(values.remote === undefined ? {} : { remote: number('remote', values.remote) }),
  };
  if (!values.mutants && (values.quick || (values.turn ?? values.minutes) !== undefined))
    throw new WrongOption('--turn, --minutes and --quick go with --mutants');
  const runs = join(root, '.afd', 'chaos');
  if (values.check !== undefined) {
    const verdicts = check(await readEvidence(values.check));
    process.stdout.write(`${verdictLines(verdicts).join('\n')}\n`);
    return verdicts.every((one) => one.violations.length === 0) ? 0 : 1;
  }
  if (values.control) {
    const failed = await runControl({
      root,
      dir: join(runs, 'mutants'),
      server: kind,
      only: values.only,
      storms: true,
      say,
    });
    return failed.length === 0 ? 0 : 1;
  }
  if (values.mutants) {
    const { turn: asked, minutes } = values;
    const turn = asked === undefined ? undefined : asked === 'auto' ? turnOf(root) : number('turn', asked);
    if (turn !== undefined && turn >= TURNS) throw new WrongOption(`--turn is auto, or 0 to ${TURNS - 1}`);
    if (turn !== undefined) say(`turn ${turn} of ${TURNS}`);
    const { tried, left } = await runMutants({
      ...{ root, dir: join(runs, 'mutants'), server: kind, only: values.only, say },
      turn,
      minutes: minutes === undefined ? undefined : number('minutes', minutes),
      storms: !values.quick,
    });
    const escaped = tried.filter((one) => !one.caught);
    const late = left.length === 0 ? '' : `; not reached in time: ${left.map((one) => one.name).join(', ')}`;
    const loose = escaped.length === 0 ? '' : `; escaped: ${escaped.map((one) => one.mutant.name).join(', ')}`;
    process.stdout.write(`${tried.length - escaped.length} of ${tried.length} mutants caught${loose}${late}\n`);
    return escaped.length === 0 && tried.length > 0 ? 0 : 1;
  }
  const dir = join(runs, `${topology ?? kind}-${seed}-${Date.now().toString(36)}`);
  say(`seed ${seed}; everything is kept in ${dir}`);
  const server = topology === undefined ? await chaosServer(kind) : await clusterServer(topology);
  try {
    const result = await storm({ seed, kills, tasks, weights, ...workers, server, dir, say });
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
  if (!kinds.some(([kind]) => (KILLS as readonly string[]).includes(kind)))
    throw new WrongOption(`--kinds needs one of ${KILLS.join(', ')}`);
  return Object.fromEntries(kinds);
}

const begun = performance.now();

function say(text: string): void {
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stderr.write(`chaos ${seconds} s: ${text}\n`);
}
