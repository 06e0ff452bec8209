import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { BIN, runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertDevice } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { until } from '../helpers/wait.ts';

let db: TestDatabase;
let session: Session;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-import-'));
});
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});
afterAll(async () => {
  await rm(dir, { recursive: true });
});

const env = () => ({ AFD_DATABASE_URL: db.url });
/** `afd tasks import NAME …` of a file with this content. */
async function imported(name: string, content: string | Buffer, ...flags: string[]) {
  await writeFile(join(dir, name), content);
  const run = await runCommand(['tasks', 'import', name, '--json', ...flags], { cwd: dir, env: env() });
  const json = JSON.parse(run.stdout);
  return { ...run, json, message: json.error?.message as string, data: json.error?.data };
}
const rows = () => session.rows(`SELECT * FROM ${db.names.task} ORDER BY id`);
const count = async () => Number((await session.rows(`SELECT COUNT(*) AS n FROM ${db.names.task}`))[0]!.n);

describe('afd tasks import of a CSV', () => {
  it('takes every column, in any order, and leaves out what is empty', async () => {
    const { code, json } = await imported(
      'all.csv',
      `dedupe_key,task_type,task_data,username,app_id,start_date,end_date,priority,required_capabilities,run_at,max_retry_count,execution_timeout,estimated_duration,concurrency_key
k1,sync_data,"{""n"":1}",user@example.com,com.example.app,2024-01-01,2024-01-02,7,"{""proxy_support"":true}",2037-01-01T08:00:00+08:00,5,60,30,account
,sync_apps,,,,,,,,,,,,
`,
    );
    expect(code).toBe(0);
    expect(json).toEqual({
      added: 2,
      existing: 0,
      bad: 0,
      lines: 3,
      batch_id: null,
      complete: true,
      problems: [],
      warnings: [],
    });
    // Within a transaction those without a key go in first.
    const [bare, full] = await rows();
    expect(full).toMatchObject({
      ...{ task_type: 'sync_data', username: 'user@example.com', app_id: 'com.example.app', priority: 7 },
      ...{ start_date: '2024-01-01', end_date: '2024-01-02', dedupe_key: 'k1', concurrency_key: 'account' },
      ...{ next_run_at: '2037-01-01 00:00:00.000', max_retry_count: 5, execution_timeout: 60, estimated_duration: 30 },
    });
    expect(JSON.parse(full!.task_data)).toEqual({ n: 1 });
    expect(JSON.parse(full!.required_capabilities)).toEqual({ proxy_support: true });
    expect(bare).toMatchObject({
      task_type: 'sync_apps',
      task_data: null,
      username: null,
      dedupe_key: null,
      priority: 5,
    });
    expect(bare).toMatchObject({ max_retry_count: 3, status: 'pending' });
  });

  it('refuses a column that does not exist before anything is added', async () => {
    const { code, message } = await imported('typo.csv', 'username,task_typ\nu,a\n');
    expect(code).toBe(2);
    expect(message).toBe('Line 1: unknown column "task_typ". Did you mean "task_type"? Nothing was added.');
    expect(await count()).toBe(0);
  });

  it('E2 tells run_at by the clock of the database', async () => {
    await imported('when.csv', 'task_type,run_at\na,2h\n');
    const [row] = await session.rows(`SELECT TIMESTAMPDIFF(SECOND, NOW(), next_run_at) AS s FROM ${db.names.task}`);
    expect(row!.s).toBeGreaterThan(7100);
    expect(row!.s).toBeLessThanOrEqual(7200);
  });
});

describe('an import that meets a bad row', () => {
  const text = (n: number, bad: number) =>
    `task_type,dedupe_key,priority\n${Array.from({ length: n }, (_, i) => `a,k${i},${i === bad ? 99 : 5}`).join('\n')}\n`;

  it('stops there: what is before it is in, also across chunks, and the way to go on is a command that runs', async () => {
    const { code, json, message } = await imported('big.csv', text(2600, 2500));
    expect(code).toBe(2);
    expect(message).toBe(
      'Line 2502: priority must be a whole number from 1 to 10. 2500 tasks were added; all rows up to line 2501 are complete.',
    );
    expect(json.error.data).toMatchObject({ added: 2500, existing: 0, bad: 0, lines: 2501, line: 2502 });
    expect(json.error.suggestions).toEqual([
      'afd tasks import big.csv --from-line 2502',
      'afd tasks import big.csv --from-line 2502 --skip-bad',
    ]);
    expect(await count()).toBe(2500);
    const on = await imported('big.csv', text(2600, 2500), '--from-line', '2503');
    expect(on.json).toMatchObject({ added: 99, existing: 0, lines: 2601 });
  });

  it('finding B11: warns of good rows that look wrong, with the line of the first', async () => {
    await insertDevice(session, db.names, {
      device_id: 'w',
      columns: { capabilities: '{"supported_tasks":["sync_data"]}' },
    });
    const rows = [
      'task_type,start_date,end_date,run_at',
      'sync_data,2024-01-01,2024-01-01,2h',
      'sync_dta,2024-01-05,2024-01-01,',
      'sync_data,2024-02-05,2024-02-01,yesterday',
      'sync_dta,,,',
    ];
    const { code, json, stderr } = await imported('odd.csv', `${rows.join('\n')}\n`);
    expect([code, json.added]).toEqual([0, 4]);
    expect(json.warnings).toEqual([
      'no device handles the task type "sync_dta"; did you mean "sync_data"? (2 tasks stay pending until a device does; first on line 3)',
      'line 3: end_date 2024-01-01 is before start_date 2024-01-05 (and 1 more row like it)',
      expect.stringMatching(/^line 4: run_at \S+ is in the past, so the task is due now$/),
    ]);
    expect(stderr).toContain('Warning: line 3: end_date');
  });

  it('finding B6: what it proposes, typed as it stands, adds no row twice, and keeps the other flags', async () => {
    const rows = 'username,priority\na@x,5\nb@x,99\nc@x,98\nd@x,5\n';
    const { json } = await imported("my file's.csv", rows, '--type', 'a');
    expect(json.error.message).toContain('1 task was added; all rows up to line 2 are complete.');
    const [fixed, skip] = json.error.suggestions as string[];
    expect(fixed).toBe(`afd tasks import 'my file'\\''s.csv' --type a --from-line 3`);
    expect(skip).toBe(`${fixed} --skip-bad`);
    const sh = (command: string) =>
      spawnSync('sh', ['-c', `afd() { "${process.execPath}" "${BIN}" "$@"; }; ${command}`], {
        cwd: dir,
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env() },
      });
    const ran = sh(skip!);
    expect([ran.status, ran.stdout]).toEqual([6, 'Added 1 task. 2 rows were invalid.\n']);
    const users = await session.rows(`SELECT username FROM ${db.names.task} ORDER BY id`);
    expect(users.map((one) => one.username)).toEqual(['a@x', 'd@x']);
  });

  it('finding B6: before anything is in it proposes to skip the row; nothing where quotes do not match', async () => {
    const bad = await imported('first.csv', 'task_type,priority\na,99\n');
    expect(bad.json.error.suggestions).toEqual(['afd tasks import first.csv --skip-bad']);
    const quote = await imported('quote.csv', 'task_type,username\na,u\nb,v"\n');
    expect(quote.json.error.suggestions).toEqual(['afd tasks import quote.csv --from-line 3']);
    // What is before the line that was given is in already.
    const on = await imported('on.csv', 'task_type,priority\na,5\na,99\n', '--from-line', '3');
    expect(on.json.error.suggestions).toEqual(['afd tasks import on.csv --from-line 3 --skip-bad']);
  });

  it('finding B11: bytes that are not UTF-8 propose to convert them, and that runs', async () => {
    const gbk = Buffer.concat([Buffer.from('task_type,username\na,'), Buffer.from([0xd6, 0xd0, 0xce, 0xc4, 0x0a])]);
    const { json } = await imported('gbk.csv', gbk);
    const [convert] = json.error.suggestions as string[];
    expect(convert).toBe('iconv -f GB18030 -t UTF-8 gbk.csv | afd tasks import -');
  });

  it('with --skip-bad goes on, counts it, names it, and is exit 6; again it adds nothing', async () => {
    const first = await imported('skip.csv', text(1500, 700), '--skip-bad');
    expect(first.code).toBe(6);
    expect(first.json).toMatchObject({ added: 1499, existing: 0, bad: 1, complete: true });
    expect(first.json.problems).toEqual([{ line: 702, problem: 'priority must be a whole number from 1 to 10' }]);
    expect(first.stderr).toContain('Warning: line 702: priority must be');
    const again = await imported('skip.csv', text(1500, -1));
    expect(again).toMatchObject({ code: 0, json: { added: 1, existing: 1499 } });
  });

  it('with --atomic adds nothing; without a bad row everything', async () => {
    const { code, message } = await imported('atomic.csv', text(2600, 2599), '--atomic');
    expect(code).toBe(2);
    expect(message).toContain('Line 2601: priority must be');
    expect(message).toContain('Nothing was added.');
    expect(await count()).toBe(0);
    expect((await imported('atomic.csv', text(2600, -1), '--atomic')).json).toMatchObject({ added: 2600 });
  });

  it('with --dry-run checks every row and adds nothing', async () => {
    const run = await imported('dry.csv', text(1500, 3), '--dry-run', '--skip-bad');
    expect(run).toMatchObject({ code: 6, json: { added: 0, existing: 0, bad: 1, lines: 1501, complete: true } });
    expect(await count()).toBe(0);
  });
});

describe('an import that is stopped', () => {
  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('by %s says how many are in and where to go on: exit %i', async (signal, exit) => {
    const child = spawn(process.execPath, [BIN, 'tasks', 'import', '-'], {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env() },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdin.write(`task_type\n${'a\n'.repeat(1500)}`);
    await until(async () => (await count()) === 1000, 20_000, 'the first chunk');
    child.kill(signal);
    expect(await closed).toBe(exit);
    expect(stdout).toBe(
      'Added 1,000 tasks. Stopped before the end of the input; all rows up to line 1,001 were processed. To continue: afd tasks import - --from-line 1002\n',
    );
    expect(await count()).toBe(1000);
  });

  it('reads standard input, and prints nothing but the result when piped', async () => {
    const ran = spawnSync(process.execPath, [BIN, 'tasks', 'import', '-'], {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env() },
      input: 'task_type\na\n',
      encoding: 'utf8',
    });
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, 'Added 1 task.\n', '']);
  });

  it('because the file is not there is exit 3', async () => {
    const run = await runCommand(['tasks', 'import', 'missing.csv', '--json'], { cwd: dir, env: env() });
    expect(run.code).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ error: { code: 'E_NOT_FOUND' } });
    const folder = await runCommand(['tasks', 'import', '.', '--json'], { cwd: dir, env: env() });
    expect([folder.code, JSON.parse(folder.stdout).error.message]).toEqual([2, '"." is a directory, not a file.']);
  });
});
