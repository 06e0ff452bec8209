import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { messagesOf, testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { host, sh, shUntil } from '../../../../fixtures/handlers/command.ts';

/** A line of shell that says one event. */
const say = (event: unknown) => `printf '%s\\n' '${JSON.stringify(event)}' >&"$AFD_EVENTS_FD"`;
const append = (event: unknown) => `printf '%s\\n' '${JSON.stringify(event)}' >> "$AFD_EVENTS_FILE"`;
const done = (result: unknown = null, enqueue: unknown[] = []) => ({ kind: 'done', result, enqueue });
/** Without what the worker itself reports of each command. */
const reported = ({ said }: ReturnType<typeof testAttempt>) => said.filter((one) => !('usage' in one));
describe.each([
  ['the descriptor', say],
  ['AFD_EVENTS_FILE', append],
])('a command says through %s', (_, event) => {
  it('what a module says through ctx, the last of it without a newline', async () => {
    const attempt = testAttempt();
    const outcome = await sh(
      [
        event({ type: 'progress', done: 3, total: 10, message: 'rows' }),
        event({ type: 'progress', done: 4 }),
        event({ type: 'metric', name: 'rows', value: 4 }),
        event({ type: 'checkpoint', value: { page: 4 } }),
        event({ type: 'log', level: 'warn', message: 'slow', page: 4 }),
        event({ type: 'log', message: 'plain' }),
        event({ type: 'enqueue', task: { task_type: 'one' } }),
        event({ type: 'enqueue', tasks: [{ task_type: 'two' }, { task_type: 'three' }] }),
        event({ type: 'result', value: { status: 'error', rows: 4 } }).replace('\\n', ''),
      ].join('\n'),
      { result: true },
      attempt,
    );
    const enqueue = [{ task_type: 'one' }, { task_type: 'two' }, { task_type: 'three' }];
    expect(outcome).toEqual(done({ status: 'error', rows: 4 }, enqueue));
    expect(reported(attempt)).toEqual([
      { progress: [3, 10, 'rows'] },
      { progress: [4, null, undefined] },
      { metric: ['rows', 4] },
      { checkpoint: { page: 4 } },
    ]);
    expect(attempt.lines).toEqual([
      { level: 'warn', message: 'slow', fields: { page: 4 } },
      { level: 'info', message: 'plain', fields: undefined },
    ]);
  });

  it('while it runs', async () => {
    const script = `trap 'exit 3' TERM; ${event({ type: 'log', message: 'half' })}; while :; do sleep 0.01; done`;
    expect(await shUntil(/^half$/, 'shutdown', script)).toEqual({ kind: 'released', cause: 'shutdown' });
  });
});

const later = say({ type: 'later', after: '10m', message: 'quota' });
const result = say({ type: 'result', value: 1 });
const enqueue = say({ type: 'enqueue', task: { task_type: 'one' } });

describe('how it ends', () => {
  const quota = 'The command ended with exit code 75: quota';
  it.each([
    ['later, also where a result was promised', later, true, { kind: 'later', error_message: 'quota', after: 600 }],
    ['later with exit code 75', `${later}; exit 75`, false, { kind: 'later', error_message: quota, after: 600 }],
    ['later, which is a minute unless said', say({ type: 'later' }), false, { kind: 'later', after: 60 }],
    ['the last of later and result counts', `${later}; ${result}`, false, done(1)],
    ['the last of result and later counts', `${result}; ${later}`, false, { kind: 'later' }],
    ['another exit code wins', `${result}; ${enqueue}; exit 3`, false, { kind: 'retry', error_class: 'exit_3' }],
    [
      'an error in the result file wins',
      `${result}; printf '{"status":"error","error":"no"}' > "$AFD_RESULT_FILE"`,
      false,
      { kind: 'retry', error_message: 'no' },
    ],
    ['tasks alone are enough', enqueue, false, done(null, [{ task_type: 'one' }])],
    ['but no promised result', enqueue, true, { kind: 'retry', error_class: 'NoResult' }],
  ])('%s', async (_, script, promised, expected) => {
    expect(await sh(script, { result: promised })).toMatchObject(expected);
  });

  it('a result file wins over a result event, and tasks of both are enqueued', async () => {
    const attempt = testAttempt();
    const file = '{"result":2,"enqueue":[{"task_type":"zero"}]}';
    const script = `${result}; ${enqueue}; printf '${file}' > "$AFD_RESULT_FILE"`;
    expect(await sh(script, {}, attempt)).toEqual(done(2, [{ task_type: 'zero' }, { task_type: 'one' }]));
    expect(messagesOf(attempt, 'warn')).toEqual([expect.stringContaining('the file counts')]);
  });

  it('a result that was said counts after a shutdown', async () => {
    const script = `last() { ${result}; exit 0; }; trap last TERM; echo ready; while :; do sleep 0.01; done`;
    expect(await shUntil(/^ready$/, 'shutdown', script)).toEqual(done(1));
  });

  it.each([
    `echo '{"type":"enqueue","tasks":[{"task_type":7}]}' >&7`,
    `echo '{"type":"enqueue","tasks":{}}' >&7`,
    `echo '{"type":"result"}' >&7`,
    `echo '{"type":"result","value":' >&7`,
    `echo '{"type":"later","after":"soon"}' >&7`,
    `printf '{"type":"result","value":"%s"}\\n' "$(head -c 1100000 /dev/zero | tr '\\0' x)" >&7`,
    'mkfifo "$AFD_EVENTS_FILE"',
    'ln -s /dev/zero "$AFD_EVENTS_FILE"',
  ])('an unusable event that decides the end is never done: %s', async (script) => {
    expect(await sh(script)).toMatchObject({ kind: 'retry', error_class: 'BadEvent' });
  });
});

describe('what cannot be used', () => {
  it('is a warning, and the attempt goes on', async () => {
    const attempt = testAttempt();
    const script = `printf '%s\\n' 'no json' '{"type":' '[]' '{"type":"zero"}' '{"done":3}' '{"type":"progress","done":"x"}' >&7
      printf '"\\377"\\n\\n  \\r\\n' >&7; printf '%s\\n' '{"type":"log","level":"loud","message":""}' >&7
      ${say({ type: 'checkpoint', value: 'x'.repeat(70_000) })}
      ${result}`;
    expect(await sh(script, {}, attempt)).toEqual(done(1));
    const said = messagesOf(attempt, 'warn').join('\n');
    for (const part of [
      ...['with a type: no json', 'is not JSON: {"type":', 'unknown type "zero"', 'with a type: {"done":3}'],
      ...['progress: done is a string', 'is not UTF-8', 'the level is none of', 'The checkpoint has 70002 bytes'],
    ]) {
      expect(said).toContain(part);
    }
    expect(messagesOf(attempt, 'warn')).toHaveLength(9);
  });

  it('is counted beyond twenty', async () => {
    const attempt = testAttempt();
    expect(await sh('seq 1 1000 >&7', {}, attempt)).toEqual(done());
    expect(messagesOf(attempt, 'warn')).toHaveLength(21);
    expect(messagesOf(attempt, 'warn').at(-1)).toBe('980 further events of the command could not be used');
  });

  it('AFD_EVENTS_FILE that is written anew', async () => {
    const attempt = testAttempt();
    const script = `go="$AFD_RESULT_FILE.go"; mkfifo "$go"; echo "$go"; ${append({ type: 'log', message: 'first line' })}
      read -r _ < "$go"; printf '%s\\n' '{}' > "$AFD_EVENTS_FILE"`;
    const running = sh(script, {}, attempt);
    const go = await attempt.logged(/\.go$/);
    await attempt.logged(/first line/);
    // Not by a command: at its end, it would kill what runs for the same claim.
    await writeFile(go, '\n');
    expect(await running).toMatchObject({ error_class: 'BadEvent', error_message: expect.stringContaining('>>') });
  });
});

it('descriptors that stand in the place of inherited ones leave it its own', async () => {
  const attempt = testAttempt();
  const hidden = ['ignore', 2, 'ignore', 'ignore', 2, 2] as const;
  const script = `for fd in 3 4 5 6 7 8 9 10; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; ${result}`;
  expect(await sh(script, { host: { ...host, hidden } }, attempt)).toEqual(done(1));
  // sh itself opens a tenth.
  expect(messagesOf(attempt).filter((fd) => fd !== '10')).toEqual(['4', '7', '8']);
});

it('what it says last is heard, although it says much and a program that left the group goes on', async () => {
  const attempt = testAttempt();
  const metric = '{"type":"metric","name":"n","value":1}';
  const script = `go="$AFD_RESULT_FILE.go"; mkfifo "$go"
    AFD_WORKER= setsid sh -c "exec >/dev/null 2>&1; echo > $go; while echo '${metric.replaceAll('"', '\\"')}' >&7; do :; done" &
    read -r _ < "$go"; yes '${metric}' | head -n 5000 >&7; ${result}`;
  expect(await sh(script, {}, attempt)).toEqual(done(1));
  expect(reported(attempt).length).toBeGreaterThan(5000);
});
