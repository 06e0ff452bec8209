import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenCommandHost, openCommandHost } from '../../../../../src/core/handlers/command/command-host.ts';
import { limitPrefix } from '../../../../../src/core/handlers/command/limit-programs.ts';
import { findProgram } from '../../../../../src/core/handlers/command/program.ts';
import { processIds } from '../../../../../src/core/handlers/processes/process-table.ts';
import { attemptStamp, stampsOf } from '../../../../../src/core/handlers/processes/worker-stamp.ts';
import { messagesOf, testAttempt, usageOf } from '../../../../fixtures/handlers/attempt.ts';
import { PATH, sh, stamp } from '../../../../fixtures/handlers/command.ts';
import { skipBecause } from '../../../../helpers/skip.ts';
import { folder } from '../../config/config-folder.ts';

const MB = 1024 ** 2;
const options = skipBecause(
  stamp === undefined ? 'there is no /proc: memory and CPU time are not measured' : undefined,
);

let host: OpenCommandHost;
beforeAll(async () => {
  host = await openCommandHost(PATH, () => {});
});
afterAll(() => host.close());

const left = (token: string) =>
  processIds().filter((pid) => stampsOf(pid)?.worker === stamp && stampsOf(pid)?.token === token);

describe('limits.memory', options, () => {
  it.each([
    ['a child in a session of its own', 'setsid tail /dev/zero & wait'],
    [
      'many together, none of which exceeds it',
      'for n in 1 2 3 4; do (head -c 20000000; sleep 600) </dev/zero | tail & done; wait',
    ],
  ])('ends %s that uses more, and says how much', async (_, script) => {
    const attempt = testAttempt();
    const outcome = await sh(`echo why >&2; ${script}`, { host, limits: { memory: 50 * MB } }, attempt);
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'E_MEMORY_LIMIT' });
    expect('error_message' in outcome && outcome.error_message).toMatch(
      /^E_MEMORY_LIMIT: (more than|[\d.]+ [MG]B) (50 MB )?of 50 MB; last lines of stderr: why/,
    );
    expect(left(attemptStamp(attempt))).toEqual([]);
  });

  it('ends no command that stays below it; the peak is that of the attempt, though little is left at the end', async () => {
    const attempt = testAttempt();
    const busy = `sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done'`;
    const script = `(head -c 40000000; sleep 0.7) </dev/zero | tail >/dev/null; sleep 0.7; ${busy}`;
    expect(await sh(script, { host, limits: { memory: 100 * MB } }, attempt)).toMatchObject({ kind: 'done' });
    const { peak_memory, cpu_ms } = usageOf(attempt)!;
    expect(peak_memory).toBeGreaterThan(40_000_000);
    expect(peak_memory).toBeLessThan(80_000_000);
    // Also that of what it waited for.
    expect(cpu_ms).toBeGreaterThan(20);
    expect(cpu_ms).toBeLessThan(20_000);
  });
});

it('limits.output counts both streams to the last byte', async () => {
  const limits = { output: 1000 };
  const script = (bytes: number) => `head -c 500 /dev/zero; head -c ${bytes} /dev/zero >&2`;
  expect(await sh(script(500), { host, limits })).toMatchObject({ kind: 'done' });
  expect(await sh(`${script(501)}; sleep 600`, { host, limits })).toMatchObject({
    ...{ kind: 'retry', error_class: 'E_OUTPUT_LIMIT' },
    error_message: expect.stringContaining('E_OUTPUT_LIMIT: 1001 B of 1000 B'),
  });
});

describe('limits that programs set', () => {
  const said = async (script: string, config: Partial<Parameters<typeof limitPrefix>[1]>) => {
    const attempt = testAttempt();
    const prefix = await limitPrefix('a', { limits: {}, umask: undefined, ...config }, PATH);
    expect(await sh(script, { host, prefix }, attempt)).toMatchObject({ kind: 'done' });
    return messagesOf(attempt);
  };

  it('are open_files, which a command cannot raise again, nice, added to that of the worker, and umask', async ({
    skip,
  }) => {
    if ('problem' in (await findProgram('prlimit', '/', PATH))) skip('prlimit (util-linux) is missing here');
    const [own] = await said('nice', {});
    const limits = { open_files: 64, nice: 3 };
    const expected = ['64', '64', `${Number(own) + 3}`, '0027'];
    expect(await said('ulimit -Sn; ulimit -Hn; nice; umask', { limits, umask: '027' })).toEqual(expected);
    // Without any of them there is no program in front.
    expect(await limitPrefix('a', { limits: { memory: 1, output: 1 }, umask: undefined }, '/nowhere')).toEqual([]);
  });

  it('stop the start where they cannot be applied', async () => {
    const bin = folder();
    const config = { limits: { nice: -5 }, umask: undefined };
    const message = expect.stringMatching(/^handlers\.a\.limits\.nice cannot be applied .*: the program nice was not/);
    await expect(limitPrefix('a', config, bin)).rejects.toMatchObject({ code: 'E_CONFIG', message });
    // As GNU nice does without the right.
    const script = '#!/bin/sh\necho "nice: cannot set niceness: Permission denied" >&2\nshift 3\nexec "$@"\n';
    writeFileSync(join(bin, 'nice'), script, { mode: 0o755 });
    const { file } = (await findProgram('true', '/', PATH)) as { file: string };
    symlinkSync(file, join(bin, 'true'));
    const refused = limitPrefix('a', config, bin);
    await expect(refused).rejects.toThrow(/limits\.nice .*: nice: cannot set niceness: Permission/);
  });
});

it('the end of one attempt ends no command of another one that was claimed with it', options, async () => {
  // One claim gives all its attempts the same token.
  const [first, second] = [testAttempt({ task_id: 8 }), testAttempt({ task_id: 9 })];
  expect(first.claim_token).toBe(second.claim_token);
  const going = sh('echo begun; setsid sleep 600 & sleep 600', { host }, second);
  await second.logged(/begun/);
  expect(await sh('setsid sleep 600 & exit 0', { host }, first)).toMatchObject({ kind: 'done' });
  expect(left(attemptStamp(first))).toEqual([]);
  expect(left(attemptStamp(second)).length).toBeGreaterThanOrEqual(2);
  second.abort('timeout');
  expect(await going).toMatchObject({ kind: 'timeout' });
  expect(left(attemptStamp(second))).toEqual([]);
});
