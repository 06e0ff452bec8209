import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { writeLog } from '../../src/core/db/logs/write-log.ts';
import type { Session } from '../../src/core/db/session.ts';
import { encodeLines, type LogLine } from '../../src/core/domain/run-log/log-line.ts';
import { BIN, runCommand } from '../helpers/command.ts';
import type { TestDatabase } from '../helpers/database.ts';
import { insertAttempt, insertDevice, insertTask } from '../helpers/factories.ts';
import { it } from '../helpers/fixture.ts';

const AT = Date.parse('2026-01-02T03:04:05.678Z');
const LINES: LogLine[] = [
  { at: AT, source: 'stdout', text: 'page 1 of 2' },
  { at: AT + 1000, source: 'stderr', text: 'quota exceeded' },
  { at: AT + 2000, source: 'warn', text: 'slow {"ms":900}' },
  { at: AT + 3000, source: 'afd', text: 'The attempt has reached its timeout of 5 s; the worker ends it.' },
];

let db: TestDatabase;
let session: Session;
let dir: string;
let id: number;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'afd-logs-'));
});
afterAll(() => rm(dir, { recursive: true }));

it.beforeEach(async ({ given }) => {
  ({ db, session } = given);
  const device = await insertDevice(session, db.names, { device_id: 'worker-1' });
  id = await insertTask(session, db.names, { task_type: 'crawl', status: 'done', attempt: 2 });
  const ended = { completed_at: '2026-01-02 03:05:00', error_message: 'Timed out after 5 s', cause: 'timeout' };
  await insertAttempt(session, db.names, { device, task_id: id, columns: { status: 'timeout', ...ended } });
  const completed = { status: 'completed', attempt: 2, completed_at: '2026-01-02 03:06:00' };
  await insertAttempt(session, db.names, { device, task_id: id, columns: completed });
  const piece = (attempt: number, lines: LogLine[], from_byte = 0) => ({
    ...{ task_id: id, attempt, device_id: 'worker-1', from_byte, to_byte: from_byte + 100, line_count: lines.length },
    body: deflateRawSync(encodeLines(lines)),
  });
  const second: LogLine[] = [{ at: AT + 60_000, source: 'stdout', text: 'page 1 of 2 again' }];
  await writeLog(session, db.names, [piece(1, LINES), piece(2, second), piece(2, second, 2_000_000)]);
});

const logs = (...words: string[]) =>
  runCommand(['logs', ...words], { cwd: dir, env: { AFD_DATABASE_URL: db.url, AFD_CONFIG: '/dev/null' } });
const lines = async (...words: string[]) => (await logs(...words)).stdout.split('\n').slice(0, -1);
const texts = async (...words: string[]) =>
  (await lines(...words)).filter((line) => !line.startsWith('──') && !line.startsWith('…'));

describe('afd logs TASK', () => {
  it('prints each attempt with its device, its lines, what is missing, and how it ended', async () => {
    expect(await lines(String(id))).toEqual([
      `── Task ${id} (crawl), attempt 1 on worker-1 ──`,
      '2026-01-02 03:04:05.678 stdout page 1 of 2',
      '2026-01-02 03:04:06.678 stderr quota exceeded',
      '2026-01-02 03:04:07.678 warn   slow {"ms":900}',
      '2026-01-02 03:04:08.678 afd    The attempt has reached its timeout of 5 s; the worker ends it.',
      '── Attempt 1 on worker-1: timeout: Timed out after 5 s ──',
      `── Task ${id} (crawl), attempt 2 on worker-1 ──`,
      '2026-01-02 03:05:05.678 stdout page 1 of 2 again',
      '… 2000 kB of output not kept …',
      '2026-01-02 03:05:05.678 stdout page 1 of 2 again',
      '── Attempt 2 on worker-1: completed ──',
      `── Task ${id} is done. ──`,
    ]);
  });

  it('prints one attempt, one stream, matching lines, lines since a time', async () => {
    expect(await texts(String(id), '--attempt', '1')).toHaveLength(4);
    expect(await texts(String(id), '--stream', 'stderr')).toEqual(['2026-01-02 03:04:06.678 stderr quota exceeded']);
    expect(await texts(String(id), '--stream', 'log')).toEqual(['2026-01-02 03:04:07.678 warn   slow {"ms":900}']);
    expect(await texts(String(id), '--grep', 'again$|quota')).toHaveLength(3);
    expect(await texts(String(id), '--since', '2026-01-02T03:05:00Z')).toHaveLength(2);
    expect(await texts(String(id), '--since', '1h')).toEqual([]);
  });

  it('is JSON: one document, or with --follow one line for each entry', async () => {
    const { stdout } = await logs(String(id), '--attempt', '1', '--json');
    const { entries } = JSON.parse(stdout);
    expect(entries.map((one: { kind: string }) => one.kind)).toEqual([
      ...['attempt', 'line', 'line', 'line', 'line', 'attempt_end', 'task_end'],
    ]);
    expect(entries[3]).toEqual({
      ...{ kind: 'line', task_id: id, attempt: 1, device_id: 'worker-1', stream: 'log', level: 'warn' },
      ...{ time: '2026-01-02T03:04:07.678Z', text: 'slow {"ms":900}' },
    });
    const followed = await logs(String(id), '--attempt', '1', '--follow', '--json');
    expect(
      followed.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    ).toMatchObject(entries.map(({ ended_ms_ago: _, ...one }: Record<string, unknown>) => one));
  });

  it('cannot be made to move the cursor or to forge a line', async () => {
    const evil = 'a\u001b[2Jb\rc\u009b5m';
    const body = deflateRawSync(`0 o${evil}\n`);
    const odd = { task_id: id, attempt: 1, device_id: 'worker-1', from_byte: 500, to_byte: 600, line_count: 1, body };
    await writeLog(session, db.names, [odd]);
    const { stdout } = await logs(String(id), '--attempt', '1');
    expect(stdout).toContain('a [2Jb c 5m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it.each([
    [[], 2, 'Name one task, or pass --device DEVICE or --failed.'],
    [['5', '--failed'], 2, 'Name one task'],
    [['--failed', '--follow'], 2, 'cannot be followed'],
    [['--failed', '--attempt', '1'], 2, '--attempt needs a task id'],
    [['--failed', '--grep', '('], 2, '--grep is not a regular expression'],
    [['999999'], 3, 'There is no task 999999.'],
    [['--device', 'nobody'], 3, 'There is no device "nobody".'],
  ] as const)('refuses %j with exit code %i', async (words, code, message) => {
    const run = await logs(...words);
    expect(run.stderr).toContain(message);
    expect(run.code).toBe(code);
  });

  it('says which attempts there are when the asked one is none of them', async () => {
    const run = await logs(String(id), '--attempt', '3');
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining(`Task ${id} has no attempt 3`)]);
  });
});

it('afd logs --device prints the attempts of a device with their names, and --failed those that failed', async () => {
  expect((await lines('--device', 'worker')).filter((line) => line.includes(` ${id}/1 `))).toHaveLength(4);
  const failed = await lines('--failed', '--since', '2026-01-01');
  expect(failed.at(0)).toBe(`── Task ${id} (crawl), attempt 1 on worker-1 ──`);
  expect(failed.at(-1)).toBe('── Attempt 1 on worker-1: timeout: Timed out after 5 s ──');
  expect(await lines('--failed')).toEqual([]);
});

it('on a full disk it says once that its output is lost, and Node says nothing of listeners', async ({ db, rows }) => {
  const { task_id } = await rows.running('w1');
  const lines = Array.from({ length: 50 }, (_, n) => ({
    at: 1_800_000_000_000,
    source: 'stdout' as const,
    text: `line ${n}`,
  }));
  const body = deflateRawSync(encodeLines(lines));
  const piece = { task_id, attempt: 1, device_id: 'w1', from_byte: 0, to_byte: 500, line_count: 50, body };
  await writeLog(await db.session(), db.names, [piece]);
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'logs', String(task_id)], {
    ...{ cwd: dir, encoding: 'utf8', stdio: ['ignore', full, 'pipe'] },
    env: { PATH: process.env.PATH, AFD_DATABASE_URL: db.url },
  });
  closeSync(full);
  expect(status).toBe(1);
  expect(stderr).toContain('ENOSPC');
  expect(stderr).not.toContain('MaxListeners');
});
