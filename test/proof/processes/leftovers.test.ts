// What the commands of a worker that is killed have started, in sessions of their own too, ends with it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'vitest';
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

async function withTrees(s: Scene, deviceId: string, slots: number, wrapper?: string[]) {
  const args = ['--slots', `${slots}`, '--no-leader'];
  const worker = s.start('worker', { deviceId, args, ...(wrapper === undefined ? {} : { wrapper }) });
  await worker.event('worker:started');
  for (let n = 0; n < slots; n += 1) await s.add({}, { task_type: 'tree' });
  return { worker, pids: await treesOf(s, deviceId, slots) };
}

const options = {
  timeout: MINUTES,
  ...skipBecause(existsSync('/proc/self/environ') ? undefined : 'there is no /proc: only process groups are ended'),
};

describe('R22 a worker that is killed leaves no process of its commands', options, () => {
  it('R22 within 5 s, and nobody starts it again; those of a live worker go on', async (test) => {
    const { expect } = test;
    const s = await fleetOf(test, 'left');
    const other = await withTrees(s, 'other', 2);
    for (const name of ['first', 'second', 'third']) {
      const { worker, pids } = await withTrees(s, name, 2);
      expect(pids.map(gone)).toEqual(pids.map(() => false));
      const guard = guardOf(worker)!;
      const killed = performance.now();
      worker.kill('SIGKILL');
      await until(() => pids.every(gone), PROMISED_MS, 'the end of the trees of a killed worker');
      process.stderr.write(
        `SIGKILL: ${pids.length} processes ended ${Math.round(performance.now() - killed)} ms after\n`,
      );
      await until(() => gone(guard), PROMISED_MS, 'the end of the guard');
      expect(other.pids.map(gone)).toEqual(other.pids.map(() => false));
    }
    expect(s.complaints('warn').filter((line) => line.includes('left running'))).toEqual([]);
  });

  it('R22 also when the signals go to its whole process group', async (test) => {
    const { expect } = test;
    const s = await fleetOf(test, 'group');
    const { worker, pids } = await withTrees(s, 'grouped', 2, ['setsid']);
    const guard = guardOf(worker)!;
    process.kill(-worker.pid, 'SIGTERM');
    process.kill(-worker.pid, 'SIGKILL');
    expect(await worker.exit).toMatchObject({ signal: 'SIGKILL' });
    await until(() => pids.every(gone), PROMISED_MS, 'the end of the trees of a killed worker');
    await until(() => gone(guard), PROMISED_MS, 'the end of the guard');
  });

  it('R22 the next worker of the machine ends them when the guard was killed too, and says so', async (test) => {
    const { expect } = test;
    const s = await fleetOf(test, 'guard');
    const { worker, pids } = await withTrees(s, 'alone', 1);
    process.kill(guardOf(worker)!, 'SIGKILL');
    worker.kill('SIGKILL');
    await worker.exit;
    // The kernel ends the leader alone.
    expect(pids.filter((pid) => !gone(pid)).length).toBeGreaterThanOrEqual(OF_A_TREE - 1);
    const next = s.start('worker', { deviceId: 'next', args: ['--no-leader'] });
    const said = await next.event('warning', (line) => line.message.includes('a worker that died had left running'));
    for (const pid of pids.slice(1)) expect(said.message).toContain(`(pid ${pid}, task `);
    expect(pids.map(gone)).toEqual(pids.map(() => true));
  });

  it('a worker that ends in order takes its guard and what its commands left with it', async (test) => {
    const { expect } = test;
    const s = await fleetOf(test, 'order');
    const { worker, pids } = await withTrees(s, 'orderly', 1);
    const guard = guardOf(worker)!;
    worker.kill('SIGTERM');
    await worker.exit;
    expect(pids.map(gone)).toEqual(pids.map(() => true));
    expect(gone(guard)).toBe(true);
  });
});
