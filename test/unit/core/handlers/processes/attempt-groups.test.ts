// Runs where a cgroup is delegated: in a unit with Delegate=memory, or in the machine of test/cgroup/vm.sh.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type OpenCommandHost, openCommandHost } from '../../../../../src/core/handlers/command/command-host.ts';
import { findProgram } from '../../../../../src/core/handlers/command/program.ts';
import { findDelegation } from '../../../../../src/core/handlers/processes/own-cgroup.ts';
import { processStat, runs } from '../../../../../src/core/handlers/processes/process-table.ts';
import { testAttempt, usageOf } from '../../../../fixtures/handlers/attempt.ts';
import { PATH, sh } from '../../../../fixtures/handlers/command.ts';
import { skipBecause } from '../../../../helpers/skip.ts';
import { until } from '../../../../helpers/wait.ts';

const MB = 1024 ** 2;
const delegation = await findDelegation((name) => findProgram(name, '/', PATH));
const why = 'why' in delegation ? delegation.why : undefined;
const options = skipBecause(why && `no cgroup is delegated here, and test/cgroup/vm.sh has one: ${why}`);
const HOST = fileURLToPath(new URL('../../../../../dist/core/handlers/command/command-host.js', import.meta.url));
const BUSY = 'n=0; while [ $n -lt 100000 ]; do n=$((n + 1)); done';

describe('attempts with a cgroup of their own', options, () => {
  let host: OpenCommandHost;
  let root: string;
  const warnings: string[] = [];
  const open = () => openCommandHost(PATH, (message) => void warnings.push(message), { memory: true });
  beforeAll(async () => {
    host = await open();
    root = host.groups!.root;
  });
  afterAll(() => host.close());

  const groups = () => readdirSync(root).filter((name) => name.includes('@'));
  const limited = (memory: number) => ({ host, limits: { memory } });
  const alive = (pid: number) => runs(processStat(pid));
  const pidIn = (attempt: ReturnType<typeof testAttempt>) =>
    attempt.logged(/^pid \d+$/).then((line) => Number(line.slice(4)));

  /** A command that ends when its daemon has a session of its own. */
  const daemon = (front: string) =>
    `mkfifo "$AFD_WORK_DIR/go"; ${front} setsid sh -c 'echo pid $$; exec >/dev/null 2>&1; echo > "$0"; exec sleep 600' "$AFD_WORK_DIR/go" & read -r _ < "$AFD_WORK_DIR/go"`;

  it.each([
    ['a command', 'exec tail /dev/zero'],
    [
      'many together, none of which exceeds it',
      'for n in 1 2 3 4; do (head -c 20000000; sleep 600) </dev/zero | tail & done; wait',
    ],
  ])('end %s that uses more than its limit, and say how much', async (_, script) => {
    const attempt = testAttempt();
    const outcome = await sh(`echo why >&2; ${script}`, limited(60 * MB), attempt);
    expect(outcome).toMatchObject({
      kind: 'retry',
      error_class: 'E_MEMORY_LIMIT',
      error_message: 'E_MEMORY_LIMIT: more than 60 MB of 60 MB; last lines of stderr: why',
    });
    expect(usageOf(attempt)!.peak_memory).toBe(60 * MB);
    expect(groups()).toEqual([]);
  });

  it('begin in their group, which has the limit, with the task on stdin', async () => {
    expect(host.limits).toContain(`each attempt has its own cgroup in ${root}.`);
    const attempt = testAttempt({ task_id: 8 });
    await sh('cat /proc/self/cgroup; read -r line; echo "got $line"', limited(50 * MB), attempt);
    const [own, got] = attempt.lines.map(({ message }) => message);
    expect(own).toMatch(new RegExp(`^0::.*/${basename(root)}/task-8-2\\.\\d+@`));
    expect(JSON.parse(got!.slice(4))).toMatchObject({ task_id: 8 });
  });

  it('have their CPU time and their peak counted, however short their processes are', async () => {
    const attempt = testAttempt();
    const script = `head -c 40000000 /dev/zero | tail -c 40000000 >/dev/null; for n in 1 2 3; do setsid -w sh -c '${BUSY}'; done`;
    expect(await sh(script, limited(200 * MB), attempt)).toMatchObject({ kind: 'done' });
    expect(usageOf(attempt)!.peak_memory).toBeGreaterThan(40_000_000);
    expect(usageOf(attempt)!.cpu_ms).toBeGreaterThan(30);
  });

  it('end with what hides from its attempt, but for what began with an empty AFD_WORKER', async () => {
    const hidden = testAttempt();
    expect(await sh(daemon(`env -i PATH=${PATH}`), limited(50 * MB), hidden)).toMatchObject({ kind: 'done' });
    expect(alive(await pidIn(hidden))).toBe(false);
    const kept = testAttempt();
    expect(await sh(daemon('AFD_WORKER='), limited(50 * MB), kept)).toMatchObject({ kind: 'done' });
    const pid = await pidIn(kept);
    onTestFinished(() => void process.kill(pid, 'SIGKILL'));
    expect(alive(pid)).toBe(true);
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toMatch(/\/afd-worker\n$/);
    expect(groups()).toEqual([]);
  });

  it('are sampled, with one warning, where the kernel refuses a group', async () => {
    const most = join(root, 'cgroup.max.descendants');
    const before = readFileSync(most, 'utf8');
    const other = await open();
    onTestFinished(() => other.close());
    writeFileSync(most, '1');
    onTestFinished(() => writeFileSync(most, before));
    const told = warnings.length;
    for (const _ of [1, 2])
      expect(await sh('exec tail /dev/zero', { host: other, limits: { memory: 50 * MB } })).toMatchObject({
        ...{ kind: 'retry', error_class: 'E_MEMORY_LIMIT' },
      });
    expect(warnings.slice(told)).toEqual([
      expect.stringMatching(
        /^The cgroup .* cannot be used for an attempt, so the memory of commands is sampled: EAGAIN/,
      ),
    ]);
  });

  it.each([
    ['by its guard', false],
    ['by the next worker', true],
  ])('of a worker that was killed are ended %s, though they hide', async (_, killGuard) => {
    // The worker, in a process of its own: a command that hides a grandchild, then SIGKILL.
    const source = `
      import { openCommandHost } from ${JSON.stringify(HOST)};
      const host = await openCommandHost(${JSON.stringify(PATH)}, console.error, { memory: true });
      const group = await host.groups.make('task-1-1', 1e8);
      process.stdin.on('data', async (line) => { await group.enter(Number(line)); console.log('in ' + group.dir); });
      console.log('ready ' + process.pid);
    `;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let said = '';
    worker.stdout.on('data', (chunk) => {
      said += chunk;
    });
    await until(() => said.includes('ready'));
    const hidden = spawn('sleep', ['600'], { env: {}, detached: true, stdio: 'ignore' });
    const gone = once(hidden, 'exit');
    worker.stdin.write(`${hidden.pid}\n`);
    await until(() => said.includes('in '));
    expect(groups()).toHaveLength(1);
    if (killGuard) {
      const children = readFileSync(`/proc/${worker.pid}/task/${worker.pid}/children`, 'utf8').trim().split(' ');
      const guard = children.map(Number).find((pid) => processStat(pid)?.name === 'sh');
      process.kill(guard!, 'SIGKILL');
    }
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const told = warnings.length;
    if (killGuard) {
      expect(alive(hidden.pid!)).toBe(true);
      const next = await open();
      onTestFinished(() => next.close());
      expect(warnings.slice(told)).toEqual(['Ended 1 process in the cgroups of a worker that died.']);
    }
    await gone;
    await until(() => groups().length === 0);
  });
});
