// What the commands of a worker that ends have started, in sessions of their own too, ends with it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FleetProcess, gone, MINUTES } from '../../helpers/fleet-process.ts';
import { type Scene, scene } from '../../helpers/scene.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';

/** The promise: nothing is left after this many milliseconds. */
const PROMISED_MS = 5000;

/**
 * Three levels: a shell, a shell in a session of its own without open files, and what that one starts. All of them write their
 * pids, and ignore what asks them to end.
 */
const TREE = `#!/bin/sh
trap '' TERM HUP
echo "$AFD_DEVICE_ID $$" >>tree.pids
setsid sh -c '
  exec <&- >&- 2>&-
  sleep 600 &
  echo "$AFD_DEVICE_ID $!" >>tree.pids
  sh -c "echo \\$AFD_DEVICE_ID \\$\\$ >>tree.pids; exec sleep 600" &
  echo "$AFD_DEVICE_ID $$" >>tree.pids
  wait' &
wait
`;
const OF_A_TREE = 4;

/** The processes of the trees that a device has started. */
async function treesOf(s: Scene, device: string, trees: number): Promise<number[]> {
  return until(async () => {
    const text = await readFile(join(s.dir, 'tree.pids'), 'utf8').catch(() => '');
    const pids = text
      .split('\n')
      .flatMap((line) => (line.startsWith(`${device} `) ? [Number(line.split(' ')[1])] : []));
    return pids.length === trees * OF_A_TREE && pids;
  });
}

/** The guard of a worker: the shell whose last argument is its mark. */
function guardOf({ pid }: FleetProcess): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'latin1').split('\0');
      if (words.includes('afd-guard') && words.some((word) => word.startsWith(`${pid}:`))) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}

const fleetOf = (test: Parameters<typeof scene>[0], purpose: string) =>
  scene(test, purpose, {
    worker: { task_poll_interval: 0.1, shutdown_timeout: 0.1, kill_grace: 0.5 },
    handlers: { tree: { exec: ['sh', './tree.sh'] } },
    files: { 'tree.sh': TREE },
  });

async function withTrees(s: Scene, deviceId: string, slots: number, wrapper: string[] = []) {
  const worker = s.start('worker', { deviceId, args: ['--slots', `${slots}`, '--no-leader'], wrapper });
  await worker.event('worker:started');
  for (let n = 0; n < slots; n += 1) await s.add({}, { task_type: 'tree' });
  const pids = await treesOf(s, deviceId, slots);
  expect(pids.some(gone)).toBe(false);
  return { worker, pids, guard: guardOf(worker)! };
}

const options = {
  timeout: MINUTES,
  ...skipBecause(existsSync('/proc/self/environ') ? undefined : 'there is no /proc: only process groups are ended'),
};

describe('R22 a worker that ends leaves no process of its commands', options, () => {
  it('R22 within 5 s, and nobody starts it again; those of a live worker go on', async (test) => {
    const s = await fleetOf(test, 'left');
    const other = await withTrees(s, 'other', 2);
    const ways: Array<[string, (worker: FleetProcess) => unknown]> = [
      ['killed', (worker) => worker.kill('SIGKILL')],
      ['grouped', ({ pid }) => [process.kill(-pid, 'SIGTERM'), process.kill(-pid, 'SIGKILL')]],
      ['orderly', (worker) => worker.kill('SIGTERM')],
    ];
    for (const [name, end] of ways) {
      const { worker, pids, guard } = await withTrees(s, name, 2, name === 'grouped' ? ['setsid'] : []);
      end(worker);
      if (name === 'orderly') await worker.exit;
      await until(() => [...pids, guard].every(gone), PROMISED_MS, `the end of the trees of a worker: ${name}`);
      expect(other.pids.some(gone)).toBe(false);
    }
    expect(s.complaints('warn').filter((line) => line.includes('a worker that died'))).toEqual([]);
  });
});
