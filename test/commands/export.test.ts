// `afd tasks export`: what the rows say, that each task is one row, and how an export ends early.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import { runCommand, spawnCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';
import { until } from '../helpers/wait.ts';

const BIN = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

let db: TestDatabase;
let session: Session;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-export-'));
});
afterAll(() => rm(dir, { recursive: true }));
it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
});

const env = () => ({ AFD_DATABASE_URL: db.url });
const run = (...args: string[]) => runCommand(['tasks', 'export', ...args], { cwd: dir, env: env() });
const add = (columns: Record<string, unknown> = {}) => insertTask(session, db.names, columns);
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** A task that is done, with this result. */
async function addDone(result: unknown, task: Record<string, unknown> = {}): Promise<number> {
  const device = await insertDevice(session, db.names, { device_id: `w${Math.random()}`.slice(0, 20) });
  const times = { started_at: '2024-01-01 00:00:01.500', completed_at: '2024-01-01 00:00:02.000' };
  const columns = { status: 'completed', result: JSON.stringify(result), ...times };
  const { task_id } = await insertAttempt(session, db.names, { device, columns, task: { ...task } });
  await session.write(`UPDATE ${db.names.task} SET status = 'done', claim_token = NULL WHERE id = ?`, [task_id]);
  return task_id;
}

/** More text than a pipe and a chunk of the export hold. */
async function addMany(count: number): Promise<void> {
  const data = JSON.stringify({ text: 'x'.repeat(4000) });
  // In parts that a server with small packets takes.
  for (let left = count; left > 0; left -= 200) {
    const rows = Array.from({ length: Math.min(left, 200) }, () => ['sync_data', data]);
    const places = rows.map(() => '(?, ?)').join(', ');
    await session.write(`INSERT INTO ${db.names.task} (task_type, task_data) VALUES ${places}`, rows.flat());
  }
}

describe('afd tasks export', () => {
  it('writes CSV whose cells come back as they were: quotes, line breaks, formulas, JSON, NULL', async () => {
    const odd = 'a,"b"\r\n=1+1 数据';
    const id = await addDone({ rows: [1, 'x'] }, { username: odd, app_id: '=1+1' });
    const other = await add();
    const { code, stdout, stderr } = await run();
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\r\n')[0]).toMatch(/^task_id,task_type,status,task_data,.*,error_message,error_class,result$/);
    const rows = parse(stdout, { columns: true }) as Array<Record<string, string>>;
    expect(rows).toMatchObject([
      { task_id: String(id), status: 'done', username: odd, app_id: '=1+1', result: '{"rows":[1,"x"]}' },
      { task_id: String(other), status: 'pending', username: '', attempt_status: '', result: '' },
    ]);
    expect(rows[0]).toMatchObject({ attempt_status: 'completed', started_at: '2024-01-01T00:00:01.500Z' });
  });

  it('writes JSON lines with the keys of tasks ls, the last attempt and the result, also long ones', async () => {
    const long = { text: '错'.repeat(100_000) };
    const id = await addDone(long, { task_data: JSON.stringify({ text: 'y'.repeat(50_000) }) });
    await add({ task_type: 'other' });
    const file = join(dir, 'long.jsonl');
    const { code, stdout } = await run('--output', file, '--type', 'sync_data');
    expect([code, stdout]).toEqual([0, `Exported 1 task to ${file}.\n`]);
    const [task, ...others] = lines(await readFile(file, 'utf8'));
    expect(others).toEqual([]);
    expect(task).toMatchObject({ task_id: id, result: long, attempt_status: 'completed', error_message: null });
    expect(task.task_data.text).toHaveLength(50_000);
    const listed = await runCommand(['tasks', 'ls', '--json'], { cwd: dir, env: env() });
    // Progress is of what runs now.
    const { progress: _, ...keys } = JSON.parse(listed.stdout).tasks[0];
    expect(Object.keys(task)).toEqual(expect.arrayContaining(Object.keys(keys)));
  });

  it('writes each task once, in the order of the ids, over the pages and the gaps between ids', async () => {
    await addMany(700);
    await session.write(`DELETE FROM ${db.names.task} WHERE id % 7 = 3`);
    await session.write(`UPDATE ${db.names.task} SET status = 'failed' WHERE id % 5 = 0`);
    const ids = async (where: string) =>
      (await session.rows<{ id: number }>(`SELECT id FROM ${db.names.task} WHERE ${where} ORDER BY id`)).map(
        (r) => r.id,
      );
    const exported = async (...args: string[]) =>
      lines((await run('--format', 'jsonl', ...args)).stdout).map(({ task_id }) => task_id);
    expect(await exported()).toEqual(await ids('TRUE'));
    expect(await exported('--status', 'failed')).toEqual(await ids("status = 'failed'"));
  });

  it('writes an empty table as its header, and says so as JSON', async () => {
    const file = join(dir, 'empty.csv');
    const { code, stdout } = await run('-o', file, '--json');
    const bytes = (await readFile(file)).length;
    expect([code, JSON.parse(stdout)]).toEqual([0, { file, format: 'csv', tasks: 0, bytes, complete: true }]);
    expect(await readFile(file, 'utf8')).toMatch(/^task_id,[a-z_,]+,result\r\n$/);
  });

  it.each([
    [['--json'], 2, 'name a file with --output'],
    [['-o', 'tasks.txt'], 2, 'add --format csv or jsonl'],
    [['--status', 'faild'], 2, '"faild" is not a task status'],
    [['--device', 'nobody'], 3, 'nobody'],
    [['-o', 'no/such/folder.csv'], 3, 'There is no folder "no/such"'],
    [['-o', '.', '--format', 'csv'], 2, '"." is a directory'],
  ])('refuses %j with %i', async (args, code, said) => {
    const result = await run(...args);
    expect([result.code, `${result.stdout}${result.stderr}`]).toEqual([code, expect.stringContaining(said)]);
  });

  it('says how many tasks were written when the disk is full, exit 1, and leaves the old file alone', async () => {
    await addMany(200);
    const said =
      /^Error: The export stopped after \d+ tasks, because the output cannot be written: ENOSPC.*\[E_FAILED\]\n/;
    expect(await run('-o', '/dev/full', '--format', 'csv')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(said),
    });
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [BIN, 'tasks', 'export'], {
      ...{ cwd: dir, env: { ...env(), PATH: process.env.PATH }, stdio: ['ignore', full, 'pipe'] },
    });
    closeSync(full);
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    expect([await once(child, 'close'), stderr]).toEqual([[1, null], expect.stringMatching(said)]);
    expect(stderr).not.toContain('has completed');
  });

  it('ends quietly with 0 when its reader has enough', async () => {
    await addMany(500);
    const child = spawnCommand(['tasks', 'export'], { cwd: dir, env: env() });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    await once(child.stdout!, 'readable');
    child.stdout!.destroy();
    expect([await once(child, 'exit'), stderr]).toEqual([[0, null], '']);
  });

  it('ends on SIGTERM with 143 although its reader stands still, and says how many tasks were written', async () => {
    await addMany(500);
    const child = spawnCommand(['tasks', 'export'], { cwd: dir, env: env() });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    await once(child.stdout!, 'readable');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([143, null]);
    await until(() => stderr !== '');
    expect(stderr).toMatch(/^Warning: Stopped after \d+ tasks?; the output is not complete\.\n$/);
  });

  it('keeps the old file, and leaves no other one, when it is stopped', async () => {
    await addMany(3000);
    const folder = await mkdtemp(join(dir, 'old-'));
    const file = join(folder, 'tasks.csv');
    await writeFile(file, 'old');
    const child = spawnCommand(['tasks', 'export', '-o', file], { cwd: dir, env: env() });
    const exit = once(child, 'exit');
    await until(async () => (await readdir(folder)).length === 2 || child.exitCode !== null);
    child.kill('SIGTERM');
    expect(await exit).toEqual([143, null]);
    expect([await readdir(folder), await readFile(file, 'utf8')]).toEqual([['tasks.csv'], 'old']);
  });
});
