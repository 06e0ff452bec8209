import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { FIXTURES, host, run, sh } from '../../../../fixtures/handlers/command.ts';

const says = (file: string, code: number) => sh(`printf '%s' '${file}' > "$AFD_RESULT_FILE"; exit ${code}`);

describe('exit code 0', () => {
  it('without a result file is done', async () => {
    expect(await sh('exit 0')).toEqual({ kind: 'done', result: null, enqueue: [] });
    expect(await sh(': > "$AFD_RESULT_FILE"')).toEqual({ kind: 'done', result: null, enqueue: [] });
  });

  it('without the promised result file is a failed attempt', async () => {
    for (const script of ['exit 0', ': > "$AFD_RESULT_FILE"']) {
      const outcome = await sh(script, { result: true });
      expect(outcome).toMatchObject({ kind: 'retry', error_class: 'NoResult' });
    }
  });

  it('takes result and tasks from the result file', async () => {
    const outcome = await says('{"rows":0,"enqueue":[{"task_type":"next"}]}', 0);
    expect(outcome).toEqual({ kind: 'done', result: { rows: 0 }, enqueue: [{ task_type: 'next' }] });
  });

  it('F1 with {"status":"error"} in the file is never done', async () => {
    expect(await says('{"status":"error","error":"no login"}', 0)).toMatchObject({
      ...{ kind: 'retry', error_message: 'no login' },
    });
    expect(await says('{"status":"later","after":5}', 0)).toMatchObject({ kind: 'later', after: 5 });
    expect(await says('{"status":"zero"}', 0)).toMatchObject({ kind: 'retry', error_class: 'UnknownStatus' });
  });

  it('with a file that is not JSON, not text or not a file is a failed attempt', async () => {
    for (const script of [
      `printf '{"rows":' > "$AFD_RESULT_FILE"`,
      `printf '{"n": NaN}' > "$AFD_RESULT_FILE"`,
      `printf '"\\377"' > "$AFD_RESULT_FILE"`,
      'mkfifo "$AFD_RESULT_FILE"',
      'mkdir "$AFD_RESULT_FILE"',
    ]) {
      expect(await sh(script)).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
    }
  });
});

describe('other exit codes', () => {
  it('75 is later without spending an attempt, after a minute or what the file says', async () => {
    expect(await sh('echo quota >&2; exit 75')).toEqual({
      kind: 'later',
      error_message: 'The command ended with exit code 75: quota',
      after: 60,
    });
    expect(await says('{"after":"10m","reason":"daily limit"}', 75)).toMatchObject({
      kind: 'later',
      after: 600,
      error_message: expect.stringContaining('daily limit'),
    });
    expect(await says('{"after":"soon"}', 75)).toMatchObject({ kind: 'later', after: 60 });
    expect(await says('not json', 75)).toMatchObject({ kind: 'later', after: 60 });
  });

  it('65 is permanent, whatever the file says', async () => {
    const outcome = await says('{"status":"done"}', 65);
    expect(outcome).toMatchObject({ kind: 'permanent', error_class: 'exit_65' });
  });

  it.each([1, 2, 64, 66, 78, 126, 127, 255])('%i is a failed attempt', async (code) => {
    expect(await says('{"status":"done","result":5}', code)).toMatchObject({
      kind: 'retry',
      error_class: `exit_${code}`,
      error_message: expect.stringContaining(`exit code ${code}`),
    });
  });

  it('a failed attempt keeps what the file says about it', async () => {
    expect(await says('{"error_message":"row 7","after":3,"error_class":"BadRow"}', 1)).toEqual({
      kind: 'retry',
      error_message: 'The command ended with exit code 1: row 7',
      error_class: 'BadRow',
      after: 3,
    });
  });
});

describe('signals', () => {
  it.each(['SEGV', 'KILL', 'TERM', 'ABRT'])('death by SIG%s is a failed attempt', async (signal) => {
    expect(await sh(`kill -${signal} $$`)).toMatchObject({ kind: 'retry', error_class: `signal_SIG${signal}` });
  });

  it('137, as a shell reports SIGKILL of its child, has the same class', async () => {
    expect(await sh('exit 137')).toMatchObject({ kind: 'retry', error_class: 'signal_SIGKILL' });
  });

  it('a full V8 heap is oom', async () => {
    const outcome = await sh('echo "FATAL ERROR: … JavaScript heap out of memory" >&2; kill -ABRT $$');
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'oom' });
  });
});

describe('output', () => {
  it('goes line by line into the log, both streams as info', async () => {
    const attempt = testAttempt();
    await sh('printf "one\\ntw"; printf "o\\r\\n\\n\\033[1mthree\\033[0m"; echo bad >&2', {}, attempt);
    const lines = (stream: string) => attempt.lines.filter((line) => line.fields?.stream === stream);
    expect(lines('stdout').map((line) => line.message)).toEqual(['one', 'two', 'three']);
    expect(lines('stderr')).toEqual([{ level: 'info', message: 'bad', fields: { stream: 'stderr' } }]);
  });

  it('is bounded in the log, and the command is not held up by it', async () => {
    const attempt = testAttempt();
    const outcome = await sh('head -c 6000000 /dev/zero | tr "\\0" x; echo; echo end >&2; exit 3', {}, attempt);
    expect(outcome).toMatchObject({ kind: 'retry', error_message: 'The command ended with exit code 3: end' });
    const logged = attempt.lines.reduce((sum, line) => sum + line.message.length, 0);
    expect(logged).toBeGreaterThan(4_000_000);
    expect(logged).toBeLessThan(4_400_000);
    expect(attempt.lines.at(-1)).toMatchObject({ level: 'warn', message: expect.stringContaining('not logged') });
  });

  it('F5 the end of stderr is the error message, at most 2 KB of it', async () => {
    const outcome = await sh('seq 1 100000 >&2; echo "the reason" >&2; exit 1');
    const message = (outcome as { error_message: string }).error_message;
    expect(message).toMatch(/99999\n100000\nthe reason$/);
    expect(message).toMatch(/exit code 1: \d+\n/);
    expect(message.length).toBeLessThan(2100);
  });
});

describe('what cannot be started', () => {
  it.each([
    [['no-such-program'], 'the program no-such-program was not found in PATH'],
    [['./no-such-file'], `${FIXTURES}/no-such-file does not exist`],
    [['./plain.js'], `${FIXTURES}/plain.js is not executable`],
    [['.'], 'the program . was not found'],
  ])('%j is a failed attempt that names it', async (exec, problem) => {
    expect(await run(exec)).toMatchObject({ kind: 'retry', error_message: expect.stringContaining(problem) });
  });

  it('a missing working directory is named', async () => {
    const outcome = await sh('exit 0', { cwd: 'gone' });
    expect(outcome).toMatchObject({ kind: 'retry', error_message: expect.stringContaining(`${FIXTURES}/gone`) });
  });

  it('arguments that no program can take are a failed attempt', async () => {
    expect(await run(['sh', 'a\0b'])).toMatchObject({ kind: 'retry' });
    expect(
      await run(['sh', '-c', 'exit 0', 'x'.repeat(300_000)], { host: { ...host, death_signal: [] } }),
    ).toMatchObject({
      ...{ kind: 'retry', error_class: 'E2BIG' },
    });
  });
});

it('leaves nothing in the temporary folder', async () => {
  const attempt = testAttempt();
  await sh(
    'echo "$AFD_RESULT_FILE"; stat -c %a "$(dirname "$AFD_RESULT_FILE")"; echo 1 > "$AFD_RESULT_FILE"',
    {},
    attempt,
  );
  const [file, mode] = attempt.lines.map((line) => line.message);
  expect(mode).toBe('700');
  expect(await readdir(tmpdir())).not.toContain(file!.split('/').at(-2));
});
