import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { FIXTURES, host, run, sh } from '../../../../fixtures/handlers/command.ts';

const says = (file: string, code: number) => sh(`printf '%s' '${file}' > "$AFD_RESULT_FILE"; exit ${code}`);
const nothing = { kind: 'done', result: null, enqueue: [] };

describe('the result file after exit code 0', () => {
  it.each([
    ['none is done', 'exit 0', false, nothing],
    ['an empty one is done', ': > "$AFD_RESULT_FILE"', false, nothing],
    ['none that was promised has failed', 'exit 0', true, { kind: 'retry', error_class: 'NoResult' }],
    [
      'an empty one that was promised has failed',
      ': > "$AFD_RESULT_FILE"',
      true,
      { kind: 'retry', error_class: 'NoResult' },
    ],
  ])('%s', async (_, script, result, expected) => {
    expect(await sh(script, { result })).toMatchObject(expected);
  });

  it.each([
    [
      'a result and tasks are taken',
      '{"rows":0,"enqueue":[{"task_type":"next"}]}',
      { kind: 'done', result: { rows: 0 }, enqueue: [{ task_type: 'next' }] },
    ],
    [
      'F1 an error is never done',
      '{"status":"error","error":"no login"}',
      { kind: 'retry', error_message: 'no login' },
    ],
  ])('%s', async (_, file, expected) => {
    expect(await says(file, 0)).toMatchObject(expected);
  });

  it.each([
    `printf '{"rows":' > "$AFD_RESULT_FILE"`,
    `printf '{"n": NaN}' > "$AFD_RESULT_FILE"`,
    `printf '"\\377"' > "$AFD_RESULT_FILE"`,
    'mkfifo "$AFD_RESULT_FILE"',
    'mkdir "$AFD_RESULT_FILE"',
  ])('that is not JSON, not text or not a file has failed: %s', async (script) => {
    expect(await sh(script)).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
  });
});

describe('other exit codes', () => {
  it.each([
    ['75 is later without spending an attempt, as the file says', '{"after":"10m","reason":"daily limit"}', 75, 600],
    ['75 is later after a minute where the file says nonsense', '{"after":"soon"}', 75, 60],
    ['75 is later after a minute where the file is no JSON', 'not json', 75, 60],
  ])('%s', async (_, file, code, after) => {
    expect(await says(file, code)).toMatchObject({ kind: 'later', after });
  });

  it('75 without a file is later after a minute, with the end of stderr', async () => {
    const error_message = 'The command ended with exit code 75: quota';
    expect(await sh('echo quota >&2; exit 75')).toEqual({ kind: 'later', error_message, after: 60 });
  });

  it('65 is permanent, whatever the file says', async () => {
    expect(await says('{"status":"done"}', 65)).toMatchObject({ kind: 'permanent', error_class: 'exit_65' });
  });

  it.each([1, 64, 66, 126, 127, 255])('%i is a failed attempt', async (code) => {
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

  it.each([
    ['death by a signal', 'kill -SEGV $$', 'signal_SIGSEGV'],
    ['death by SIGKILL', 'kill -KILL $$', 'signal_SIGKILL'],
    ['137, as a shell reports SIGKILL of its child,', 'exit 137', 'signal_SIGKILL'],
    ['a full V8 heap', 'echo "FATAL ERROR: … JavaScript heap out of memory" >&2; kill -ABRT $$', 'oom'],
  ])('%s is a failed attempt', async (_, script, error_class) => {
    expect(await sh(script)).toMatchObject({ kind: 'retry', error_class });
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
    expect(message).toMatch(/exit code 1: \d+\n[\s\S]*99999\n100000\nthe reason$/);
    expect(message.length).toBeLessThan(2100);
  });
});

describe('what cannot be started', () => {
  it.each([
    ['a program that is not in PATH', ['no-such-program'], 'the program no-such-program was not found in PATH'],
    ['a file that is missing', ['./no-such-file'], `${FIXTURES}/no-such-file does not exist`],
    ['a file that is not executable', ['./plain.js'], `${FIXTURES}/plain.js is not executable`],
    ['a folder', ['.'], 'the program . was not found'],
    ['an argument with a null byte', ['sh', 'a\0b'], ''],
  ])('is a failed attempt that names it: %s', async (_, exec, problem) => {
    expect(await run(exec)).toMatchObject({ kind: 'retry', error_message: expect.stringContaining(problem) });
  });

  it('is a failed attempt where the working directory is missing, or the arguments are too long', async () => {
    const error_message = expect.stringContaining(`${FIXTURES}/gone`);
    expect(await sh('exit 0', { cwd: 'gone' })).toMatchObject({ kind: 'retry', error_message });
    const long = ['sh', '-c', 'exit 0', 'x'.repeat(300_000)];
    const outcome = await run(long, { host: { ...host, death_signal: [] } });
    expect(outcome).toMatchObject({ kind: 'retry', error_class: 'E2BIG' });
  });
});

it('leaves nothing in the temporary folder', async () => {
  const attempt = testAttempt();
  await sh('echo "$AFD_RESULT_FILE"; echo 1 > "$AFD_RESULT_FILE"', {}, attempt);
  expect(await readdir(tmpdir())).not.toContain(attempt.lines[0]!.message.split('/').at(-2));
});
