// The command line of the bench.
import { PEERS } from './peers/registry.mjs';
import { WORKLOADS } from './workloads/registry.mjs';

export const HELP = `Usage: npm run bench -- <workload> [options]

Workloads: ${Object.keys(WORKLOADS).join(', ')}

  --peers LIST     ${Object.keys(PEERS).join(', ')}; a single profile: afd:mysql   (default: all that support the workload)
  --workers LIST   numbers of processes, such as 1,4
  --slots LIST     numbers of concurrent tasks per process, such as 10,50
  --n N            number of tasks; much faster or slower peers get a multiple of it
  --settle S       idle and recovery: seconds to wait before measuring
  --reps R         number of interleaved repetitions     (default: 3)
  --json           print one JSON line per result instead of the table
  --write          write the table to docs/benchmarks.md
  --no-install     use only installed peers, install none
`;

/** For scripts/usage.mjs. */
export const OPTIONS = {
  peers: { type: 'string', default: Object.keys(PEERS).join(',') },
  workers: { type: 'string' },
  slots: { type: 'string' },
  n: { type: 'string' },
  settle: { type: 'string' },
  reps: { type: 'string', default: '3' },
  json: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  'no-install': { type: 'boolean', default: false },
};

/** What was typed, by OPTIONS. @throws Error with a sentence */
export function readArguments({ values, positionals }) {
  const [workload, ...rest] = positionals;
  if (WORKLOADS[workload] === undefined || rest.length > 0) throw new Error('Give one workload.');
  const peers = values.peers.split(',').flatMap((text) => {
    const [name, profile] = text.split(':');
    const peer = PEERS[name];
    const known = Object.keys(peer?.profiles ?? {});
    if (peer === undefined || (profile !== undefined && !known.includes(profile))) {
      throw new Error(`Unknown peer "${text}".`);
    }
    return known.filter((one) => profile === undefined || one === profile).map((one) => ({ peer, profile: one }));
  });
  return {
    workload,
    peers,
    workers: numbers('--workers', values.workers),
    slots: numbers('--slots', values.slots),
    n: numbers('--n', values.n)?.[0],
    settle: numbers('--settle', values.settle)?.[0],
    reps: numbers('--reps', values.reps)[0],
    json: values.json,
    write: values.write,
    install: !values['no-install'],
  };
}

function numbers(flag, text) {
  if (text === undefined) return undefined;
  const list = text.split(',').map(Number);
  if (list.some((one) => !Number.isInteger(one) || one < 1))
    throw new Error(`${flag} takes whole numbers, not "${text}".`);
  return list;
}
