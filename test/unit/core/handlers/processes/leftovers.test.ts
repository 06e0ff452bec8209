import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hideInherited } from '../../../../../src/core/handlers/command/inherited-descriptors.ts';
import { CommandProcesses } from '../../../../../src/core/handlers/processes/command-processes.ts';
import {
  LeftoverReaper,
  type LeftoverReaperOptions,
} from '../../../../../src/core/handlers/processes/leftover-reaper.ts';
import {
  endLeftovers,
  type Fits,
  findLeftovers,
  type Leftover,
  namesOf,
  ofDeadWorkers,
} from '../../../../../src/core/handlers/processes/leftovers.ts';
import { killProcess } from '../../../../../src/core/handlers/processes/process-group.ts';
import { pidNamespace, processStat } from '../../../../../src/core/handlers/processes/process-table.ts';
import {
  attemptStamp,
  ownStamp,
  readStamp,
  stampLives,
} from '../../../../../src/core/handlers/processes/worker-stamp.ts';
import { gone } from '../../../../helpers/fleet-process.ts';
import { skipBecause } from '../../../../helpers/skip.ts';
import { until } from '../../../../helpers/wait.ts';

const own = ownStamp();
const options = skipBecause(own === undefined ? 'there is no /proc: only process groups are ended' : undefined);
const namespace = pidNamespace('self') ?? '';

/** A process that sleeps and, unless it is meant, has nothing to do with a worker. */
async function sleeper(
  env: Record<string, string>,
  script = 'exec sleep 600',
): Promise<ChildProcess & { pid: number }> {
  const child = spawn('/bin/sh', ['-c', `echo ready; ${script}`], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  // A reaper that runs already may be quicker than its first line.
  await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  return child as ChildProcess & { pid: number };
}

const stamped = (worker: string, token = 'aa') => ({ AFD_WORKER: worker, AFD_CLAIM_TOKEN: token, AFD_TASK_ID: '7' });

/** The stamp of a process in the place of a worker. While that one lives, no reaper of this machine ends what it left. */
async function worker(): Promise<string> {
  const { pid } = await sleeper({});
  return `${pid}:${processStat(pid)!.started}:${namespace}`;
}

const stampedWith =
  (stamp: string): Fits =>
  (one) =>
    one.worker === stamp;

describe('R22 what a dead worker left', options, () => {
  it('is killed, with what descends from it and has lost its stamps, but for what another worker runs there', async () => {
    const [stamp, inner] = [await worker(), await worker()];
    // A worker inside a command of a worker: its own commands are its own business.
    const script = `env -i /bin/sleep 600 & AFD_WORKER=${inner} sleep 600 & exec sleep 600`;
    const left = await sleeper(stamped(stamp), script);
    const found = (of: string) => findLeftovers(stampedWith(of)).map(({ pid }) => pid);
    const [pids, kept] = await until(() => {
      const both = [found(stamp), found(inner)] as const;
      return both[0].length === 2 && both[1].length === 1 && both;
    });
    expect(pids).toContain(left.pid);
    expect((await endLeftovers(stampedWith(stamp))).map(({ pid }) => pid).sort()).toEqual(pids.sort());
    expect([...pids, ...kept].map(gone)).toEqual([true, true, false]);
    process.kill(kept[0]!, 'SIGKILL');
  });

  it('is told by pid and start time: a later process with the pid of the worker protects nothing', async () => {
    const lives = await worker();
    const [pid, started] = lives.split(':');
    const dead = (stamp: string) => ofDeadWorkers()({ worker: stamp, token: 'aa', task: undefined });
    expect(dead(`${pid}:${Number(started) - 1}:${namespace}`)).toBe(true);
    // One that lives, one of another pid namespace, of nobody, and none.
    for (const stamp of [lives, `${pid}:1:1`, '', `${pid}:x:${namespace}`]) expect(dead(stamp)).toBe(false);
    const kept = [await sleeper(stamped(lives)), await sleeper(stamped('')), await sleeper({})];
    const ended = (await endLeftovers(ofDeadWorkers())).map((one) => one.pid);
    expect(kept.filter((one) => ended.includes(one.pid) || gone(one.pid))).toEqual([]);
    process.kill(Number(pid), 'SIGKILL');
    await until(() => dead(lives));
  });
});

it('a process is killed only while it has the start time with which it was found', options, async () => {
  const one = await sleeper({});
  const { started } = processStat(one.pid)!;
  expect(killProcess(one.pid, `${Number(started) + 1}`)).toBe(false);
  expect(gone(one.pid)).toBe(false);
  expect(killProcess(one.pid, started)).toBe(true);
  await until(() => gone(one.pid));
  // Signals read these as groups, or as the first process.
  for (const pid of [-1, 0, 1]) expect(killProcess(pid, processStat(1)?.started ?? '0')).toBe(false);
});

describe('the reaper', options, () => {
  const reaper = (onWarning: (message: string) => void, more: Partial<LeftoverReaperOptions> = {}) => {
    const made = { processes: new CommandProcesses(own!), hidden: hideInherited(), onWarning, intervalMs: 10 };
    const one = new LeftoverReaper({ ...made, ofOthers: () => () => false, ...more });
    onTestFinished(() => one.stop());
    return one;
  };

  it('ends at its start what it finds, and says so in one warning', async () => {
    const stamp = await worker();
    const left = [await sleeper(stamped(stamp)), await sleeper(stamped(stamp, 'bb'))];
    const warnings: string[] = [];
    await reaper((message) => warnings.push(message), { ofOthers: () => stampedWith(stamp) }).start();
    expect(left.map(({ pid }) => gone(pid))).toEqual([true, true]);
    expect(warnings).toEqual([
      expect.stringMatching(/^Ended what a worker that died had left running: 2 processes: .*\(pid \d+, task 7\).*\.$/),
    ]);
  });

  it('ends in a later round what its own worker left, and nothing of an attempt that runs', async () => {
    const processes = new CommandProcesses(own!);
    const attempt = attemptStamp({ claim_token: 'running', task: { task_id: 7 } });
    processes.began(attempt);
    const warnings: string[] = [];
    await reaper((message) => warnings.push(message), { processes }).start();
    const kept = await sleeper(stamped(own!, 'running'));
    const left = await sleeper(stamped(own!, 'over'));
    await until(() => gone(left.pid) && warnings.length > 0);
    expect(warnings[0]).toMatch(/^Ended what commands had left running after their attempts: 1 process: /);
    expect(warnings[0]).toContain(`(pid ${left.pid}, task 7)`);
    expect(gone(kept.pid)).toBe(false);
    processes.over(attempt);
    await until(() => gone(kept.pid));
  });

  it('has a guard with no open file of this process, starts it again, and takes it along at its end', async () => {
    const warnings: string[] = [];
    const one = reaper((message) => warnings.push(message));
    await one.start();
    const first = one.guard;
    const [, ...others] = readdirSync(`/proc/${first}/fd`).map((fd) => readlinkSync(`/proc/${first}/fd/${fd}`));
    expect(new Set(others)).toEqual(new Set(['/dev/null']));
    process.kill(first, 'SIGKILL');
    await until(() => one.guard !== first && one.guard !== 0);
    expect(warnings).toEqual(['The guard of this worker has ended; it is started again.']);
    const second = one.guard;
    await one.stop();
    expect(gone(second)).toBe(true);
  });

  it('leaves its guard when it is stopped while commands run', async () => {
    const processes = new CommandProcesses(own!);
    processes.began('running');
    const one = reaper(() => {}, { processes });
    await one.start();
    await one.stop();
    expect(gone(one.guard)).toBe(false);
    process.kill(one.guard, 'SIGKILL');
  });
});

it('a stamp is a pid, its start time and its namespace, and that of this process lives', options, () => {
  expect(readStamp(own!)).toEqual({ pid: process.pid, started: processStat('self')!.started, namespace });
  expect(stampLives(readStamp(own!)!)).toBe(true);
  for (const text of ['', '0:1:2', '-1:1:2', '1:2', '1:2:3:4', ' 1:2:3', `1:2:${'9'.repeat(21)}`])
    expect(readStamp(text), text).toBeUndefined();
});

it('the names of many leftovers are bounded and harmless', () => {
  const one: Leftover = { pid: 5, started: '1', name: 'x\u001b[31m\ny', task: '7; rm', worker: '' };
  expect(namesOf([one])).toBe('1 process: x y (pid 5)');
  expect(namesOf(Array.from({ length: 12 }, () => one))).toMatch(/^12 processes: .*, and 2 more$/);
});
