// The class "odd rows": whatever an INSERT-only producer leaves among good tasks, two workers and their leader live on, do
// every good task, put aside alone what cannot be run, say so once, and come to rest.
//   AFD_TEST_ODD_ROWS=10000 AFD_TEST_ODD_SEED=7 npx vitest run test/proof/processes/odd-rows.test.ts
import { afterEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { requirementsOf } from '../../../src/core/domain/task/requirements.ts';
import { Random } from '../../chaos/random.ts';
import { type OldDatabase, oldDatabase, T1 } from '../../db/migrations/old-table.ts';
import { runCommand } from '../../helpers/command.ts';
import { type CountingProxy, countingProxy } from '../../helpers/counting-proxy.ts';
import { fleet } from '../../helpers/fleet.ts';
import type { FleetProcess } from '../../helpers/fleet-process.ts';
import { insertOddAssignments, insertOddRows, ODD_SETTINGS, type OddRows } from '../../helpers/odd-rows.ts';
import { until } from '../../helpers/wait.ts';

const ROWS = Number(process.env.AFD_TEST_ODD_ROWS ?? 1000);
const SEED = Number(process.env.AFD_TEST_ODD_SEED ?? 20261126);
/** The rows are inserted one by one, and each is run: on a busy machine that takes its time. */
const PATIENCE_MS = 60_000 + ROWS * 60;
/** Packets a second of two workers that have nothing to do, at the intervals of the test fleet; a claim that spins sends thousands. */
const AT_REST = 600;

const T2 = [
  T1.replaceAll('af_crawl_tasks', 'cl_task'),
  `ALTER TABLE cl_task ADD COLUMN priority TINYINT NULL, ADD COLUMN required_capabilities TEXT NULL,
     ADD COLUMN task_data TEXT NULL, ADD COLUMN last_error VARCHAR(64) NULL, ADD COLUMN execution_timeout INT NULL,
     ADD COLUMN max_retry_count SMALLINT NULL, MODIFY COLUMN username VARCHAR(255) NULL`,
];
const T4 = [
  `CREATE TABLE cl_task (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, task_type VARCHAR(255) NULL, username VARCHAR(255) NULL,
     task_data LONGTEXT NULL, task_ret TEXT NULL, retry INT NULL, max_retry_count INT NULL DEFAULT 3, priority BIGINT UNSIGNED NULL,
     status ENUM('pending','running','failed','done','assigned') NULL DEFAULT 'pending', assigned_device_id VARCHAR(64) NULL,
     required_capabilities MEDIUMTEXT CHARACTER SET latin1 NULL, next_run_at DATETIME(3) NULL, created_at DATETIME NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
];

let db: OldDatabase;
let proxy: CountingProxy | undefined;
afterEach(async () => {
  proxy?.close();
  await db.drop();
});

/** Tasks that some worker should have run or put aside, and that wait all the same. */
const WAITING = `status = 'pending' AND due_at <= NOW(3) AND task_type = BINARY 'work'
  AND (required_capabilities IS NULL OR LENGTH(required_capabilities) = 0 OR required_capabilities = '{}' OR required_capabilities LIKE '{"lane": %' AND required_capabilities NOT LIKE '%{"a"%')`;

const REFUSED = 20;

/** Rows that the server lets nobody claim, whatever is asked: their ids. */
async function refusedRows(task: string): Promise<number[]> {
  await db.admin.write(
    `ALTER TABLE ${task} ADD CONSTRAINT no_refused CHECK (NOT COALESCE(username = 'refused' AND status = 'running', FALSE))`,
  );
  const ids: number[] = [];
  const [last] = await db.admin.rows<{ id: number }>(`SELECT MAX(id) + 1 AS id FROM ${task} WHERE id < 1000000000`);
  for (let n = 0; n < REFUSED; n += 1) {
    const id = Number(last?.id) + n;
    await db.admin.write(`INSERT INTO ${task} (id, task_type, username) VALUES (?, 'work', 'refused')`, [id]);
    ids.push(id);
  }
  return ids;
}

/** Lanes of due tasks whose requirements are not JSON, in hex. */
async function unreadableLanes(task: string): Promise<string[]> {
  const found = await db.admin.rows<{ lane: string; required_capabilities: string }>(
    `SELECT DISTINCT HEX(lane) AS lane, CONVERT(required_capabilities USING utf8mb4) AS required_capabilities
     FROM ${task} WHERE status = 'pending' AND required_capabilities IS NOT NULL`,
  );
  return found
    .filter((one) => !requirementsOf(one.required_capabilities).readable)
    .map((one) => one.lane.toLowerCase());
}

describe('finding F8, S2: odd rows among good ones', () => {
  it.for<[string, string[]]>([
    ['a fresh table', []],
    ['an adopted table, T2 with a TEXT for JSON and short texts', T2],
    ['an adopted table, T4 with a nullable type and an unsigned id', T4],
  ])('stop nobody in %s', { timeout: 3 * PATIENCE_MS }, async ([, create], test) => {
    const task = create.length === 0 ? 'af_crawl_task' : 'cl_task';
    const random = new Random(SEED);
    db = await oldDatabase(create, { task });
    const lanes = Math.max(2, Math.floor(ROWS / 10));
    const options = { random, rows: Math.floor(ROWS / 2), lanes };
    // Before the adoption only the table's own columns can be odd, afterwards afd's too.
    const rows: OddRows = { good: [], odd: [] };
    const fill = async () => {
      const more = await insertOddRows(db.admin, task, options);
      rows.good.push(...more.good);
      rows.odd.push(...more.odd);
    };
    if (create.length > 0) await fill();
    if (create.length === 0) await migrateUp(db.address, db.names);
    else await db.migrate();
    await fill();
    if (create.length === 0) {
      await fill();
      // The last ids that a number of JavaScript tells apart.
      const last = [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
      for (const id of last) await db.admin.write(`INSERT INTO ${task} (id, task_type) VALUES (?, 'work')`, [id]);
      rows.good.push(...last);
    }
    await insertOddAssignments(db.admin, db.names.plain.assignment, rows.good.slice(0, 5), 'w1');
    for (const one of ODD_SETTINGS) {
      await db.admin.write(`INSERT INTO ${db.names.setting} (name, value) VALUES (?, ?)`, one);
    }

    const refused = await refusedRows(task);

    proxy = await countingProxy(db);
    const found = await fleet(
      test,
      { url: proxy.url },
      {
        worker: { capabilities: { lane: 1_000_000 }, max_concurrent_tasks: 10 },
        ...(task === 'cl_task' ? { tables: { task, prefix: 'af_' } } : {}),
      },
    );
    const ended: string[] = [];
    const workers = ['w1', 'w2'].map((deviceId) => {
      const worker: FleetProcess = found.start('worker', { deviceId });
      void worker.exit.then(({ code }) =>
        ended.push(`${deviceId} ended with ${code}: ${worker.lines.at(-1)?.message}`),
      );
      return worker;
    });
    const nobodyEnded = () => expect(ended, ended.join('\n')).toEqual([]);
    await Promise.all(workers.map((one) => one.event('worker:started')));

    const left = async (where: string) =>
      Number((await db.admin.rows(`SELECT COUNT(*) AS n FROM ${task} WHERE ${where}`))[0]?.n);
    const good = `id IN (${rows.good.join(', ')})`;
    await until(
      async () => {
        nobodyEnded();
        return (await left(`${good} AND status <> 'done'`)) === 0;
      },
      PATIENCE_MS,
      'every good task done',
    );
    await until(
      async () => {
        nobodyEnded();
        return (await left(WAITING)) === 0 && (await left("status = 'running' AND claimed_by IN ('w1', 'w2')")) === 0;
      },
      PATIENCE_MS,
      'every odd task that can be run at its end, or put aside',
    ).catch(async (error: Error) => {
      const waiting = await db.admin.rows(`SELECT * FROM ${task} WHERE ${WAITING} LIMIT 3`);
      throw new Error(`${error.message}; ${JSON.stringify(waiting).slice(0, 4000)}`, { cause: error });
    });

    // Nothing spins: packets per second of the database's clock, over a second of it.
    const clock = async () => Number((await db.admin.rows('SELECT UNIX_TIMESTAMP(NOW(3)) AS now'))[0]?.now);
    const [before, from] = [proxy.sent(), await clock()];
    await until(async () => (await clock()) >= from + 1, PATIENCE_MS, 'a second of the database');
    const rate = (proxy.sent() - before) / ((await clock()) - from);
    expect(rate, 'packets per second at rest').toBeLessThan(AT_REST);

    // Said once: no warning or error is repeated, and what was put aside is named by its id.
    const said = new Map<string, number>();
    for (const line of found.complaints('warn')) said.set(line, (said.get(line) ?? 0) + 1);
    expect([...said].filter(([, times]) => times > 3)).toEqual([]);
    // What the server lets nobody claim is put aside alone: failed, with the reason, without an attempt, said by its id.
    const aside = await db.admin.rows<{ id: number; attempts: number }>(
      `SELECT t.id, t.last_error, (SELECT COUNT(*) FROM ${db.names.assignment} a WHERE a.task_id = t.id AND a.attempt IS NOT NULL) AS attempts
       FROM ${task} t WHERE t.status = 'failed' AND t.last_error LIKE 'it cannot be claimed%' ORDER BY t.id`,
    );
    // In addition to those that a constraint refuses, the generator makes a few that the server refuses; never one of the good.
    const asideIds = aside.map(({ id }) => Number(id));
    expect(asideIds).toEqual(expect.arrayContaining(refused));
    expect(asideIds.length - refused.length, 'odd rows put aside').toBeLessThan(rows.good.length / 20);
    expect(asideIds.filter((id) => rows.good.includes(id))).toEqual([]);
    expect(aside.filter(({ id, attempts }) => refused.includes(Number(id)) && Number(attempts) > 0)).toEqual([]);
    const reports = found.complaints('warn').filter((line) => line.includes('because it cannot be claimed'));
    expect(reports.map((line) => Number(/task (\d+) was set to failed/.exec(line)?.[1])).sort((x, y) => x - y)).toEqual(
      asideIds,
    );
    // And requirements that nobody can read are reported by the leader, one task of each lane by its id.
    const unreadable = await unreadableLanes(task);
    if (create.length > 0) expect(unreadable.length).toBeGreaterThan(0);
    for (const lane of unreadable) {
      await until(
        () => found.complaints('warn').some((line) => line.includes(`its lane ${lane}`)),
        PATIENCE_MS,
        `the report of the lane ${lane}`,
      );
    }
    // Rows of others are closed, and their tasks were run all the same.
    await until(
      async () =>
        (
          await db.admin.rows(
            `SELECT COUNT(*) AS n FROM ${db.names.assignment} WHERE attempt IS NULL AND status IN ('assigned', 'running')`,
          )
        )[0]?.n === 0,
      PATIENCE_MS,
      'the end of the assignments of others',
    );
    // Nobody is run for ever: as many attempts as its budget lets it have.
    const often = await db.admin.rows(
      `SELECT task_id, COUNT(*) AS n FROM ${db.names.assignment} WHERE attempt IS NOT NULL GROUP BY task_id HAVING n > 20`,
    );
    expect(often).toEqual([]);
    nobodyEnded();

    // An operator can read all of it: each command ends by itself, with an answer and without a stack trace.
    const some = [
      refused[0]!,
      rows.good.at(-1)!,
      ...rows.odd.filter((_, n) => n % Math.ceil(rows.odd.length / 5) === 0).map(({ id }) => id),
    ];
    for (const words of [
      ['tasks', 'ls', '--limit', '10000'],
      ['tasks', 'ls', '--status', 'pending', '--json'],
      ...some.map((id) => ['tasks', 'show', String(id)]),
      ['devices', 'ls'],
      ['status'],
      ['status', '--json'],
      ['tasks', 'retry', '--status', 'failed', '--yes', '--json'],
    ]) {
      const { code, stdout, stderr } = await runCommand(words, { cwd: found.dir });
      const told = `afd ${words.join(' ')}\n${stderr}`;
      // Exit 1 of `status` means that something needs an operator, and here much does.
      expect(code, told).toBe(words[0] === 'status' ? 1 : 0);
      expect(stdout.length, told).toBeGreaterThan(0);
      expect(`${stdout}${stderr}`, told).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    }
    nobodyEnded();
  });
});
