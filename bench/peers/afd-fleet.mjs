// Real `afd worker` processes: a folder with a configuration file and a handler module. Nothing but the defaults is in it,
// except that handlers run in the process of the worker, as those of the other queues do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end, ended, start } from '../servers/children.mjs';

import { typeOf } from './afd-types.mjs';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const TALLY = new URL('../tally.mjs', import.meta.url).href;
const PATIENCE_MS = 60_000;

/**
 * `urlOf(n)`: where the n-th worker finds the database, when it is not `store.url`. `waitMs`: what each handler waits for,
 * as for a page. `blockMs`: how long the task 0 blocks its event loop. `more`: settings of each handler.
 */
export async function afdFleet(
  store,
  { workers, slots, socket, lanes = 1, endless = false, urlOf = () => store.url, waitMs = 0, blockMs = 0, more = {} },
) {
  const dir = mkdtempSync(join(tmpdir(), 'afd-bench-fleet-'));
  writeFileSync(join(dir, 'handler.mjs'), handler({ endless, waitMs, blockMs }));
  const types = Array.from({ length: lanes }, (_, n) => typeOf(n));
  const handlers = Object.fromEntries(
    types.map((one) => [one, { module: './handler.mjs', isolation: 'none', ...more }]),
  );
  const settings = { handlers, log: { level: 'warn' } };
  writeFileSync(join(dir, 'afd.yaml'), JSON.stringify(settings));
  const processes = [];
  const startOne = (n = processes.length) => {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, BENCH_SOCKET: socket, AFD_DATABASE_URL: urlOf(n) };
    const argv = [process.execPath, BIN, 'worker', '--device-id', `bench-${n + 1}`, '--slots', String(slots)];
    const child = start(argv, { cwd: dir, env });
    processes.push(child);
    return child;
  };
  const fleet = {
    processes,
    pids: () => processes.map((one) => one.pid),
    ids: Array.from({ length: workers }, (_, n) => `bench-${n + 1}`),
    startOne,
    async go() {},
    check() {
      const dead = processes.find(ended);
      if (dead !== undefined) throw new Error(`afd worker ended: ${dead.said()}`);
    },
    /** What the workers complained about. */
    said: () =>
      processes
        .map((one) => one.said())
        .join('\n')
        .trim(),
    async stop(how) {
      await Promise.all(processes.map((one) => end(one, how)));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    for (let n = 0; n < workers; n += 1) startOne(n);
    const giveUp = Date.now() + PATIENCE_MS;
    for (;;) {
      fleet.check();
      const { devices, leader } = await store.ready();
      if (devices >= workers && leader) return fleet;
      if (Date.now() > giveUp) throw new Error(`only ${devices} of ${workers} workers registered: ${fleet.said()}`);
      await pause(50);
    }
  } catch (error) {
    await fleet.stop();
    throw error;
  }
}

/** `endless`: runs until its parent stops it. */
function handler({ endless, waitMs, blockMs }) {
  const waits = [
    blockMs > 0 && `for (const end = performance.now() + ${blockMs}; task_data.id === 0 && performance.now() < end; );`,
    endless && "await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));",
    waitMs > 0 && `await new Promise((resolve) => setTimeout(resolve, ${waitMs}));`,
  ];
  const work = waits
    .filter(Boolean)
    .map((one) => `  ${one}\n`)
    .join('');
  return `import { ran, RESULT } from ${JSON.stringify(TALLY)};
export default async function bench({ task_data }, ctx) {
  ran(task_data.id);
${work}  return RESULT;
}
`;
}
