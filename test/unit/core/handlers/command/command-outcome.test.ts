import { describe, expect, it } from 'vitest';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { FIXTURES, host, run, sh } from '../../../../fixtures/handlers/command.ts';

const says = (file: string, code: number) => sh(`printf '%s' '${file}' > "$AFD_RESULT_FILE"; exit ${code}`);

describe('the result file after exit code 0', () => {
  const next = [{ task_type: 'next' }];
  it.each([
    ['', { kind: 'done', result: null, enqueue: [] }],
    ['{"rows":0,"enqueue":[{"task_type":"next"}]}', { kind: 'done', result: { rows: 0 }, enqueue: next }],
    ['{"status":"error","error":"no login"}', { kind: 'retry', error_message: 'no login' }],
    ['{"rows":', { kind: 'retry', error_class: 'BadResult' }],
  ])('says what was done, and an error is never done: %s', async (file, expected) => {
    expect(await says(file, 0)).toMatchObject(expected);
  });

  it('that was promised and is missing, or is no text, or no file, has failed', async () => {
    expect(await sh('exit 0', { result: true })).toMatchObject({ kind: 'retry', error_class: 'NoResult' });
    for (const script of [`printf '"\\377"' > "$AFD_RESULT_FILE"`, 'mkfifo "$AFD_RESULT_FILE"'])
      expect(await sh(script)).toMatchObject({ kind: 'retry', error_class: 'BadResult' });
  });
});

describe('other exit codes', () => {
  it.each([
    ['75 is later without spending an attempt, as the file says', 75, '{"after":"10m"}', { kind: 'later', after: 600 }],
    ['75 is later after a minute where the file says nonsense', 75, '{"after":"soon"}', { kind: 'later', after: 60 }],
    ['75 is later after a minute where the file is no JSON', 75, 'not json', { kind: 'later', after: 60 }],
    ['65 is permanent, whatever the file says', 65, '{"status":"done"}', { kind: 'permanent', error_class: 'exit_65' }],
    ['others are a failed attempt', 255, '{"result":5}', { kind: 'retry', error_class: 'exit_255' }],
    [
      'a failed attempt keeps what the file says about it',
      1,
      '{"error_message":"row 7","after":3,"error_class":"BadRow"}',
      {
        kind: 'retry',
        error_message: 'The command ended with exit code 1: row 7',
        error_class: 'BadRow',
        after: 3,
      },
    ],
  ])('%s', async (_, code, file, expected) => {
    expect(await says(file, code)).toMatchObject(expected);
  });

  it('75 without a file is later after a minute, with the end of stderr', async () => {
    const error_message = 'The command ended with exit code 75: quota';
    expect(await sh('echo quota >&2; exit 75')).toEqual({ kind: 'later', error_message, after: 60 });
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
