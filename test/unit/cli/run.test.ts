// `afd run`: a handler without a queue and without a database, judged as a worker would.
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProcess, spawnCommand } from '../../helpers/command.ts';
import { gone } from '../../helpers/fleet-process.ts';
import { until } from '../../helpers/wait.ts';

let dir: string;

const FILES = {
  'good.ts': `export default async (task: { task_data: object }, ctx: any) => {
  console.log('printed');
  ctx.progress(1, 2);
  await ctx.checkpoint({ next: 2 });
  ctx.log.warn('logged', { n: 1, password: 'p4ss' });
  ctx.enqueue({ task_type: 'next', task_data: { a: 1 } });
  return { got: task.task_data, attempt: ctx.attempt };
};`,
  'bad.mjs': 'export default async () => { throw new TypeError("no such page"); };',
  'permanent.mjs': 'export default async () => ({ status: "permanent", message: "gone" });',
  'later.mjs': 'export default async () => { throw { outcome: "later", after: 300, message: "quota" }; };',
  'broken.mjs': 'export default async () => {',
  'hang.mjs':
    'export default async () => { console.log("begun"); await new Promise(() => setInterval(() => {}, 1000)); };',
  // Its child is of its group: both must be gone.
  'deaf.sh': `trap 'echo got TERM' TERM; sleep 600 & echo "pids $$ $!"; while :; do wait; done`,
  'work.sh': `cat > "$(dirname "$0")/stdin.json"; echo out; echo err >&2; echo '{"n": 2}' > "$AFD_RESULT_FILE"`,
};

const HANDLERS = {
  good: { module: './good.ts' },
  bad: { module: './bad.mjs' },
  permanent: { module: './permanent.mjs' },
  later: { module: './later.mjs' },
  broken: { module: './broken.mjs' },
  hang: { module: './hang.mjs', isolation: 'none' },
  short: { exec: ['sleep', '600'], timeout: '100ms' },
  deaf: { exec: ['sh', 'deaf.sh'] },
  work: { exec: ['sh', 'work.sh'], result: true },
  exit3: { exec: ['sh', '-c', 'echo oops >&2; exit 3'] },
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-run-'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(dir, name), text);
  await writeFile(join(dir, 'afd.yaml'), JSON.stringify({ handlers: HANDLERS, worker: { kill_grace: 1 } }));
});
afterAll(() => rm(dir, { recursive: true }));

const run = (...args: string[]) => runProcess(['run', ...args], { cwd: dir });

/** Starts it, and reads what it prints. */
function start(...args: string[]) {
  const child = spawnCommand(['run', ...args], { cwd: dir });
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said.text += text;
    });
  }
  const exit = once(child, 'close').then(([code]) => code as number | null);
  return { child, said, exit };
}

describe.concurrent('afd run', { timeout: 60_000 }, () => {
  it('runs a module without a database: its output as it comes, its result, and the tasks that it would enqueue', async () => {
    const { code, stdout, stderr } = await run('good', '--data', '{"x":1}', '--app-id', 'com.x', '--attempt', '3');
    expect([code, stderr]).toEqual([0, 'WARN  logged n=1 password="***"\n']);
    expect(stdout).toMatch(
      /^printed\nDone after \d+ ms\.\nResult: \{\n {2}"got": \{\n {4}"app_id": "com.x",\n {4}"x": 1\n/,
    );
    expect(stdout).toContain(
      'A worker would now add 1 task; afd run adds none:\n  {"task_type":"next","task_data":{"a":1}}\n',
    );
    const json = await run('good', '--json', '--attempt', '3');
    expect(JSON.parse(json.stdout)).toMatchObject({
      ...{ task_type: 'good', outcome: 'done', result: { got: {}, attempt: 3 }, error_message: null },
      enqueue: [{ task_type: 'next', task_data: { a: 1 } }],
    });
    expect([json.code, json.stderr]).toEqual([0, `printed\n${stderr}`]);
  });

  it('runs a command with the task on stdin and the environment of a worker, and reads its result file', async () => {
    await writeFile(join(dir, 'task.json'), '{"from": "file"}');
    const { code, stdout, stderr } = await run('work', '--data', '@task.json');
    expect([code, stderr]).toEqual([0, 'err\n']);
    expect(stdout).toMatch(/^out\nDone after \d+ ms\.\nResult: \{\n {2}"n": 2\n\}\n$/);
    const task = JSON.parse(readFileSync(join(dir, 'stdin.json'), 'utf8'));
    expect(task).toMatchObject({ task_type: 'work', task_data: { from: 'file' }, attempt: 1, timeout: 1800 });
  });

  it.each([
    ['bad', 8, /^Failed after \d+ ms: no such page \[TypeError\]\. A worker would retry it, if retries are left\.\n$/],
    ['exit3', 8, /^Failed after \d+ ms: The command ended with exit code 3: oops \[exit_3\]/],
    ['permanent', 8, /^Failed for good after \d+ ms: gone \[HandlerFailed\]\n$/],
    ['later', 75, /^Not now, after \d+ ms: quota\. A worker would try it again in 300 s\.\n$/],
    ['short', 7, /^Timed out after 0\.1 s\n$/],
  ])('ends with the exit code of the outcome: %s with %i', async (type, code, said) => {
    const result = await run(type);
    expect(result).toMatchObject({ code, stdout: expect.stringMatching(said) });
  });

  it('shows where a handler threw, without the part of the stack that is of afd', async () => {
    const { stderr } = await run('bad');
    expect(stderr).toMatch(
      /^DEBUG the handler threw\n {6}TypeError: no such page\n {10}at default \(file:.*bad\.mjs:1:\d+\)\n$/,
    );
  });

  it.each([
    [['goood'], 2, /There is no handler for "goood": .*afd\.yaml has those of .* Did you mean good\? \[E_USAGE\]/],
    [['good', '--data', '{"x":'], 2, /--data: .* is not JSON .*\[E_USAGE\]/],
    [['good', '--data', '[1]'], 2, /--data: "\[1\]" must be a JSON object.*\[E_USAGE\]/],
    [['good', '--data', '@none.json'], 3, /There is no file "none\.json"\. \[E_NOT_FOUND\]/],
    [['good', '--start-date', '2024-13-01'], 2, /--start-date must be a date "YYYY-MM-DD"\. \[E_USAGE\]/],
    [['broken'], 78, /The handler of broken cannot be loaded: .*broken\.mjs.* \[E_CONFIG\]/],
    [
      ['exit3', '--watch'],
      2,
      /There is no file to watch: no argument of handlers\.exit3\.exec is a file\. \[E_USAGE\]/,
    ],
  ])('refuses %j with %i and a sentence', async (args, code, said) => {
    const result = await run(...args);
    expect([result.code, result.stdout]).toEqual([code, '']);
    expect(result.stderr.replaceAll('\n', ' ')).toMatch(said);
  });

  it.each([
    ['on SIGTERM: first SIGTERM, then SIGKILL after the grace', ['SIGTERM'], 1, 143],
    ['at once on a second Ctrl-C', ['SIGINT', 'SIGINT'], 3600, 130],
  ] as const)('ends the group of a command %s', async (_, signals, kill_grace, code) => {
    await writeFile(join(dir, `${code}.yaml`), JSON.stringify({ handlers: HANDLERS, worker: { kill_grace } }));
    const { child, said, exit } = start('deaf', '--config', `${code}.yaml`);
    const [, ...pids] = await until(() => /pids (\d+) (\d+)\n/.exec(said.text) ?? undefined);
    for (const signal of signals) {
      child.kill(signal);
      await until(() => said.text.includes('got TERM\n'));
    }
    expect(await exit).toBe(code);
    expect(said.text).toMatch(/Stopped after \d+ ms\.\n$/);
    // The kernel ends them a moment after the signal, and nobody here waits for them.
    await until(() => pids.map(Number).every(gone));
  });

  it('ends although a module ignores its abort signal, and says so', async () => {
    const { child, said, exit } = start('hang');
    await until(() => said.text.includes('begun'));
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect([130, 143]).toContain(await exit);
    expect(said.text).toMatch(/Given up after \d+ ms: the handler ignores its abort signal\.\n$/);
  });

  it('--watch runs a module again when it or a file beside it changes, also after an error, until Ctrl-C', async () => {
    const folder = await mkdtemp(join(dir, 'watched-'));
    // In one piece: nobody sees half of a file, and there is one change.
    const write = (name: string, text: string) => {
      writeFileSync(join(dir, 'new'), text);
      renameSync(join(dir, 'new'), join(folder, name));
    };
    write('afd.yaml', JSON.stringify({ handlers: { w: { module: './w.mjs' } } }));
    write('part.mjs', 'export const n = 1;');
    const module = 'import { n } from "./part.mjs"; export default async () => ({ n });';
    write('w.mjs', module);
    const { child, said, exit } = start('w', '--watch', '--config', join(folder, 'afd.yaml'));
    const says = async (what: RegExp, name: string, text: string) => {
      const before = said.text.length;
      write(name, text);
      await until(() => new RegExp(`${what.source}[\\s\\S]*Waiting for a change`).test(said.text.slice(before)));
    };
    await until(() => /"n": 1\n[\s\S]*Waiting for a change/.test(said.text));
    await says(/\npart\.mjs changed: running w again\.\n[\s\S]*"n": 22\n/, 'part.mjs', 'export const n = 22;');
    await says(/w\.mjs changed: running w again\.\nError: The handler of w cannot/, 'w.mjs', 'export default (');
    await says(/w\.mjs changed: running w again\.\n[\s\S]*"n": 22\n/, 'w.mjs', module);
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  });

  it('--watch ends a run that is under way when the script itself changes, not when the handler writes beside it', async () => {
    const folder = await mkdtemp(join(dir, 'watched-'));
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
    write('afd.yaml', JSON.stringify({ handlers: { w: { exec: ['sh', 'w.sh'] } } }));
    write('w.sh', 'date > beside.txt; echo first; sleep 600');
    const { child, said, exit } = start('w', '--watch', '--config', join(folder, 'afd.yaml'));
    await until(() => said.text.includes('first'));
    write('w.sh', 'date > beside.txt; echo second');
    await until(() => said.text.includes('Waiting for a change'));
    expect(said.text).toMatch(/^first\nStopped after \d+ ms\.\n\nw\.sh changed: running w again\.\nsecond\nDone after/);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect(said.text.match(/changed: running/g)).toHaveLength(1);
  });
});
