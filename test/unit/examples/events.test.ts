import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { testAttempt } from '../../fixtures/handlers/attempt.ts';
import { run } from '../../fixtures/handlers/command.ts';
import { folder } from '../core/config/config-folder.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url));
const PAGES = ['events.md', 'events.zh-CN.md'].map((name) =>
  fileURLToPath(new URL(`../../../docs/reference/${name}`, import.meta.url)),
);
const worker_env = { PATH: process.env.PATH };
/** Python would leave its __pycache__ among the examples. */
const env = { PYTHONPATH: join(EXAMPLES, 'python'), PYTHONDONTWRITEBYTECODE: '1' };

const python = (script: string, attempt = testAttempt(), wrapper: string[] = []) =>
  run([...wrapper, 'python3', '-c', script], { base_dir: folder(), env, worker_env }, attempt);

it('examples/python/count_rows.py counts from its checkpoint on, and enqueues the next task', async () => {
  const count = (attempt: ReturnType<typeof testAttempt>) =>
    run([join(EXAMPLES, 'python/count_rows.py')], { env, worker_env }, attempt);
  const path = folder({ 'a.csv': '1\n2\n\n', 'b.csv': '3\n' });
  const files = [join(path, 'a.csv'), join(path, 'b.csv')];
  const first = testAttempt({ task_data: { files }, checkpoint: null });
  const enqueue = [{ task_type: 'publish_count', task_data: { rows: 3 } }];
  expect(await count(first)).toEqual({ kind: 'done', result: { rows: 3 }, enqueue });
  expect(first.said).toContainEqual({ checkpoint: { next: 1, rows: 2 } });
  expect(first.said).toContainEqual({ progress: [2, 2, undefined] });
  const second = testAttempt({ task_data: { files }, checkpoint: { next: 1, rows: 40 } });
  expect(await count(second)).toMatchObject({ result: { rows: 41 } });
  expect(second.lines).toEqual([{ level: 'info', message: 'continuing', fields: { file: files[1] } }]);
  const missing = testAttempt({ task_data: { files: ['/nowhere.csv'] } });
  expect(await count(missing)).toMatchObject({ kind: 'later', after: 900 });
});

it('examples/bash/compress.sh compresses, says how far it is, and comes back later to an empty folder', async () => {
  const compress = (path: string, attempt = testAttempt()) =>
    run([join(EXAMPLES, 'bash/compress.sh'), path], { worker_env }, attempt);
  const path = folder({ 'a.txt': 'a', 'b.txt': 'b' });
  const attempt = testAttempt();
  expect(await compress(path, attempt)).toMatchObject({ kind: 'done', result: { files: 2 } });
  expect(readdirSync(path).sort()).toEqual(['a.txt.gz', 'b.txt.gz']);
  expect(attempt.said.filter((one) => !('usage' in one))).toEqual([
    ...[{ progress: [1, 2, undefined] }, { progress: [2, 2, undefined] }, { metric: ['files', 2] }],
  ]);
  expect(attempt.lines).toEqual([{ level: 'info', message: 'compressed', fields: { files: 2 } }]);
  expect(await compress(folder())).toMatchObject({ kind: 'later', after: 600 });
});

describe('examples/python/afd.py', () => {
  it('says everything from many threads', async () => {
    const attempt = testAttempt();
    const script = `
import afd, threading, datetime
def work(n):
    for i in range(50):
        afd.log.info("x" * 3000, n=n, day=datetime.date(2026, 1, 2))
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for one in threads: one.start()
for one in threads: one.join()
afd.log.warning("schön")
afd.metric("nan", float("nan"))
try:
    afd.result("x" * 2000000)
except ValueError as error:
    afd.log.info(type(error).__name__)
afd.enqueue({"task_type": "a"}, [{"task_type": "b"}])
afd.later(until="2000-01-01T00:00:00Z")
afd.result(afd.task()["task_id"])`;
    const enqueue = [{ task_type: 'a' }, { task_type: 'b' }];
    expect(await python(script, attempt)).toEqual({ kind: 'done', result: 7, enqueue });
    const lines = attempt.lines.filter(({ message }) => message === 'x'.repeat(3000));
    expect(lines).toHaveLength(200);
    expect(lines[0]?.fields).toMatchObject({ day: '2026-01-02' });
    const rest = attempt.lines.filter((line) => !lines.includes(line)).map(({ message }) => message);
    expect(rest).toEqual(['schön', expect.stringContaining('is not JSON'), 'ValueError']);
  });

  it('goes on with the file where a wrapper has closed the descriptor, and with nothing where that fails', async () => {
    const script = 'import afd; afd.progress(1, 2); afd.result(5); print("end")';
    const closed = ['sh', '-c', 'exec 7>&-; exec "$@"', 'sh'];
    expect(await python(script, testAttempt(), closed)).toMatchObject({ kind: 'done', result: 5 });
    // The number is a file of the program's own.
    const own = ['sh', '-c', 'exec 7>own; exec "$@"; exit 1', 'sh'];
    expect(await python(`${script}; import os; assert os.stat("own").st_size == 0`, testAttempt(), own)).toMatchObject({
      result: 5,
    });
    const attempt = testAttempt();
    const broken = ['sh', '-c', 'mkdir "$AFD_EVENTS_FILE"; exec 7>&-; exec "$@"', 'sh'];
    await python(script, attempt, broken);
    expect(attempt.lines.map(({ message }) => message).join('\n')).toMatch(/events are no longer sent[\s\S]*end/);
  });

  it('prints to stderr without afd', () => {
    const script = 'import afd; afd.progress(1); afd.result({"a": 1})';
    const given = { env: { ...worker_env, ...env }, encoding: 'utf8' } as const;
    const stderr = `afd: {"type": "progress", "done": 1, "total": null, "message": null}
afd: {"type": "result", "value": {"a": 1}}\n`;
    expect(spawnSync('python3', ['-c', script], given)).toMatchObject({ status: 0, stderr });
  });
});

describe('docs/reference/events.md', () => {
  const RUN = { python: ['python3'], bash: ['bash'], js: [process.execPath] } as Record<string, string[]>;
  const pages = PAGES.map((page) => {
    const blocks = [...readFileSync(page, 'utf8').matchAll(/^```(python|bash|js)\n([\s\S]*?)^```$/gm)];
    return blocks.map(([, language, code]) => ({ language: language!, code: code! }));
  });

  it.each(pages.flat())('the example in $language works', async ({ language, code }) => {
    const path = folder({ [language === 'js' ? 'example.mjs' : 'example']: code, 'a.csv': '1\n2\n' });
    writeFileSync(join(path, 'afd.py'), readFileSync(join(EXAMPLES, 'python/afd.py')));
    const file = join(path, language === 'js' ? 'example.mjs' : 'example');
    chmodSync(file, 0o755);
    const attempt = testAttempt({ task_data: { files: ['a.csv'] } });
    const outcome = await run([...RUN[language]!, file], { base_dir: path, worker_env }, attempt);
    expect(outcome).toMatchObject({ kind: 'done', result: expect.anything() });
    expect(attempt.said.some((one) => 'progress' in one)).toBe(true);
    expect(attempt.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});
