import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { runs as isRunning, processStat } from '../../../../../src/core/handlers/processes/process-table.ts';
import { testAttempt } from '../../../../fixtures/handlers/attempt.ts';
import { host, sh } from '../../../../fixtures/handlers/command.ts';
import { until } from '../../../../helpers/wait.ts';

/** A line of shell that says one event. */
const say = (event: unknown) => `printf '%s\\n' '${JSON.stringify(event)}' >&"$AFD_EVENTS_FD"`;
const append = (event: unknown) => `printf '%s\\n' '${JSON.stringify(event)}' >> "$AFD_EVENTS_FILE"`;
const done = (result: unknown = null, enqueue: unknown[] = []) => ({ kind: 'done', result, enqueue });
/** Without what the worker itself reports of each command. */
const reported = ({ said }: ReturnType<typeof testAttempt>) => said.filter((one) => !('usage' in one));
const runs = (pid: number) => isRunning(processStat(pid));
const warnings = ({ lines }: ReturnType<typeof testAttempt>) =>
  lines.filter((line) => line.level === 'warn').map((line) => line.message);

describe.each([
  ['the descriptor', say],
  ['AFD_EVENTS_FILE', append],
])('a command says through %s', (_, event) => {
  it('what a module says through ctx', async () => {
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
        event({ type: 'result', value: { status: 'error', rows: 4 } }),
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
    const attempt = testAttempt();
    const script = `trap 'exit 3' TERM; ${event({ type: 'log', message: 'half' })}; while :; do sleep 0.01; done`;
    const running = sh(script, {}, attempt);
    await attempt.logged(/^half$/);
    attempt.abort('shutdown');
    expect(await running).toEqual({ kind: 'released', cause: 'shutdown' });
  });

  it('its last event without a newline', async () => {
    const last = event({ type: 'result', value: 5 }).replace('\\n', '');
    expect(await sh(last)).toEqual(done(5));
  });
});

const later = { type: 'later', after: '10m', message: 'quota' };
const result = say({ type: 'result', value: 1 });
const enqueue = say({ type: 'enqueue', task: { task_type: 'one' } });

describe('how it ends', () => {
  it.each([
    ['later with exit code 0', say(later), { kind: 'later', error_message: 'quota', after: 600 }],
    [
      'later with exit code 75',
      `${say(later)}; exit 75`,
      { kind: 'later', error_message: 'The command ended with exit code 75: quota', after: 600 },
    ],
    ['later, which is a minute unless said', say({ type: 'later' }), { kind: 'later', after: 60 }],
    ['the last of later and result counts', `${say(later)}; ${result}`, done(1)],
    ['the last of result and later counts', `${result}; ${say(later)}`, { kind: 'later' }],
    ['another exit code wins', `${result}; ${enqueue}; exit 3`, { kind: 'retry', error_class: 'exit_3' }],
    ['exit code 65 wins', `${result}; ${enqueue}; exit 65`, { kind: 'permanent', error_class: 'exit_65' }],
    [
      'an error in the result file wins',
      `${result}; printf '{"status":"error","error":"no"}' > "$AFD_RESULT_FILE"`,
      { kind: 'retry', error_message: 'no' },
    ],
    ['tasks alone are enough', enqueue, done(null, [{ task_type: 'one' }])],
  ])('%s', async (_, script, expected) => {
    expect(await sh(script)).toMatchObject(expected);
  });

  it('later, or a result, is a promised result; tasks alone are none', async () => {
    expect(await sh(say(later), { result: true })).toMatchObject({ kind: 'later', after: 600 });
    expect(await sh(enqueue, { result: true })).toMatchObject({ kind: 'retry', error_class: 'NoResult' });
  });

  it('a result file wins over a result event, and tasks of both are enqueued', async () => {
    const attempt = testAttempt();
    const file = '{"result":2,"enqueue":[{"task_type":"zero"}]}';
    const script = `${result}; ${enqueue}; printf '${file}' > "$AFD_RESULT_FILE"`;
    expect(await sh(script, {}, attempt)).toEqual(done(2, [{ task_type: 'zero' }, { task_type: 'one' }]));
    expect(warnings(attempt)).toEqual([expect.stringContaining('the file counts')]);
  });

  it('a result that was said counts after a shutdown', async () => {
    const attempt = testAttempt();
    const script = `last() { ${say({ type: 'result', value: 5 })}; exit 0; }; trap last TERM
      echo ready; while :; do sleep 0.01; done`;
    const running = sh(script, {}, attempt);
    await attempt.logged(/^ready$/);
    attempt.abort('shutdown');
    expect(await running).toEqual(done(5));
  });

  it.each([
    '{"type":"enqueue","tasks":[{"task_type":7}]}',
    '{"type":"enqueue","tasks":{}}',
    '{"type":"result"}',
    '{"type":"result","value":',
    '{"type":"later","after":"soon"}',
  ])('an unusable event that decides the end is never done: %s', async (line) => {
    expect(await sh(`printf '%s\\n' '${line}' >&7`)).toMatchObject({ kind: 'retry', error_class: 'BadEvent' });
  });

  it('a result event that is too long is never done', async () => {
    const long = await sh(`printf '{"type":"result","value":"%s"}\\n' "$(head -c 1100000 /dev/zero | tr '\\0' x)" >&7`);
    expect(long).toMatchObject({ error_class: 'BadEvent', error_message: expect.stringContaining('1048576') });
  });
});

describe('what cannot be used', () => {
  it('is a warning, and the attempt goes on', async () => {
    const attempt = testAttempt();
    const script = `printf '%s\\n' 'no json' '{"type":' '[]' '{"type":"zero"}' '{"done":3}' '{"type":"progress","done":"x"}' >&7
      printf '"\\377"\\n\\n  \\r\\n' >&7; printf '%s\\n' '{"type":"log","level":"loud","message":""}' >&7
      ${say({ type: 'checkpoint', value: 'x'.repeat(70_000) })}
      ${say({ type: 'result', value: 1 })}`;
    expect(await sh(script, {}, attempt)).toEqual(done(1));
    const said = warnings(attempt).join('\n');
    for (const part of [
      ...['with a type: no json', 'is not JSON: {"type":', 'unknown type "zero"', 'with a type: {"done":3}'],
      ...['progress: done is a string', 'is not UTF-8', 'the level is none of', 'The checkpoint has 70002 bytes'],
    ]) {
      expect(said).toContain(part);
    }
    expect(warnings(attempt)).toHaveLength(9);
  });

  it('is counted beyond twenty', async () => {
    const attempt = testAttempt();
    expect(await sh('seq 1 5000 >&7', {}, attempt)).toEqual(done());
    expect(warnings(attempt)).toHaveLength(21);
    expect(warnings(attempt).at(-1)).toBe('4980 further events of the command could not be used');
  });

  it('250 MB of it pass through little memory, and what follows counts', async () => {
    const attempt = testAttempt();
    const before = process.memoryUsage.rss();
    const script = `head -c 200000000 /dev/zero >&7; echo >&7; head -c 45000000 /dev/urandom >&7; echo >&7; yes '{ garbage }' | head -c 5000000 >&7; echo >&7
      ${say({ type: 'result', value: 1 })}`;
    expect(await sh(script, {}, attempt)).toEqual(done(1));
    expect(process.memoryUsage.rss() - before).toBeLessThan(150_000_000);
    expect(warnings(attempt)[0]).toContain('has 200000000 bytes; the maximum is 1048576');
    expect(warnings(attempt)).toHaveLength(21);
  }, 120_000);

  it.each(['mkfifo "$AFD_EVENTS_FILE"', 'ln -s /dev/zero "$AFD_EVENTS_FILE"'])(
    'AFD_EVENTS_FILE that is no file: %s',
    async (script) => {
      const attempt = testAttempt();
      expect(await sh(script, {}, attempt)).toMatchObject({ kind: 'retry', error_class: 'BadEvent' });
      expect(warnings(attempt)).toEqual(['AFD_EVENTS_FILE is not a regular file']);
    },
  );

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

describe('processes around it', () => {
  it('a closed descriptor is nothing, and whoever reads there finds the end', async () => {
    expect(await sh('exec 7>&-; exit 0')).toEqual(done());
    const attempt = testAttempt();
    expect(await sh('cat <&7; echo read', {}, attempt)).toEqual(done());
    expect(attempt.lines.map((line) => line.message)).toEqual(['read']);
  });

  it('descriptors that stand in the place of inherited ones leave it its own', async () => {
    const attempt = testAttempt();
    const hidden = ['ignore', 2, 'ignore', 'ignore', 2, 2] as const;
    const script = `for fd in 3 4 5 6 7 8 9 10; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; ${say({ type: 'result', value: 1 })}`;
    expect(await sh(script, { host: { ...host, hidden } }, attempt)).toEqual(done(1));
    // sh itself opens a tenth.
    expect(attempt.lines.map((line) => line.message).filter((fd) => fd !== '10')).toEqual(['4', '7', '8']);
  });

  it('what it says last is heard, although it says much and a program that left the group goes on', async () => {
    const attempt = testAttempt();
    const metric = '{"type":"metric","name":"n","value":1}';
    const script = `go="$AFD_RESULT_FILE.go"; mkfifo "$go"
      AFD_WORKER= setsid sh -c "echo pid \\$\\$; exec >/dev/null 2>&1; echo > $go; while echo '${metric.replaceAll('"', '\\"')}' >&7; do :; done" &
      read -r _ < "$go"; yes '${metric}' | head -n 20000 >&7; ${say({ type: 'result', value: 1 })}`;
    expect(await sh(script, {}, attempt)).toEqual(done(1));
    const pid = Number(/\d+/.exec(await attempt.logged(/^pid/))![0]);
    await until(() => !runs(pid));
    expect(reported(attempt).length).toBeGreaterThan(20_000);
  });

  it('a program that left the group with the pipe does not hold up the end, nor is it heard', async () => {
    const attempt = testAttempt();
    const script = `go="$AFD_RESULT_FILE.go"; mkfifo "$go"; echo "$AFD_RESULT_FILE.late"
      AFD_WORKER= setsid sh -c "echo pid \\$\\$; exec >/dev/null 2>&1; echo > $go; while sleep 0.3; do echo '{\\"type\\":\\"log\\",\\"message\\":\\"late\\"}' >&7; done" &
      read -r _ < "$go"; ${say({ type: 'result', value: 1 })}`;
    expect(await sh(script, {}, attempt)).toEqual(done(1));
    const pid = Number(/\d+/.exec(await attempt.logged(/^pid/))![0]);
    const heard = attempt.lines.length;
    // Nobody reads it any more: SIGPIPE ends it.
    await until(() => !runs(pid));
    expect(attempt.lines).toHaveLength(heard);
  });

  it('events arrive in whole from several processes', async () => {
    const attempt = testAttempt();
    const event = JSON.stringify({ type: 'metric', name: 'n', value: 1, pad: 'x'.repeat(1500) });
    const script = `for p in 1 2 3 4; do (for i in 1 2 3 4 5 6 7 8 9 10; do printf '%s\\n' '${event}' >&7; done) & done; wait`;
    expect(await sh(script, {}, attempt)).toEqual(done());
    expect(warnings(attempt)).toEqual([]);
    expect(reported(attempt)).toHaveLength(40);
  });
});
