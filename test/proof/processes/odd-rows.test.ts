// The class "odd rows": whatever an INSERT-only producer leaves among good tasks, two workers and their leader live on, do
// every good task, put aside alone what cannot be run, say so once, and come to rest.
//   AFD_TEST_ODD_ROWS=10000 AFD_TEST_ODD_SEED=7 npx vitest run test/proof/processes/odd-rows.test.ts
import { afterEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import { requirementsOf } from '../../../src/core/domain/task/requirements.ts';
import { Random } from '../../chaos/random.ts';
import { type OldDatabase, oldDatabase } from '../../db/migrations/old-table.ts';
import { runCommand } from '../../helpers/command.ts';
import { type CountingProxy, countingProxy } from '../../helpers/counting-proxy.ts';
import { fleet } from '../../helpers/fleet.ts';
import { insertOddAssignments, insertOddRows, ODD_SETTINGS, type OddRows } from '../../helpers/odd-rows.ts';
import { until } from '../../helpers/wait.ts';

const ROWS = Number(process.env.AFD_TEST_ODD_ROWS ?? 1000);
const SEED = Number(process.env.AFD_TEST_ODD_SEED ?? 20261126);
/** The rows are inserted one by one, and each is run: on a busy machine that takes its time. */
const PATIENCE_MS = 60_000 + ROWS * 60;
/** Packets a second of two workers that have nothing to do, at the intervals of the test fleet; a claim that spins sends thousands. */
const AT_REST = 600;

const ADOPTED = [
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
  const refused = `COALESCE(username = 'refused' AND status = 'running', FALSE)`;
  await db.admin.write(`ALTER TABLE ${task} ADD CONSTRAINT no_refused CHECK (NOT ${refused})`);
  const [last] = await db.admin.rows<{ id: number }>(`SELECT MAX(id) + 1 AS id FROM ${task} WHERE id < 1000000000`);
  const ids = Array.from({ length: REFUSED }, (_, n) => Number(last?.id) + n);
  const values = ids.map((id) => `(${id}, 'work', 'refused')`);
  await db.admin.write(`INSERT INTO ${task} (id, task_type, username) VALUES ${values.join(', ')}`);
  return ids;
}

/** Lanes of due tasks whose requirements are not JSON, in hex. */
async function unreadableLanes(task: string): Promise<string[]> {
  const found = await db.admin.rows<{ lane: string; needs: string }>(
    `SELECT DISTINCT LOWER(HEX(lane)) AS lane, CONVERT(required_capabilities USING utf8mb4) AS needs
     FROM ${task} WHERE status = 'pending' AND required_capabilities IS NOT NULL`,
  );
  return found.filter(({ needs }) => !requirementsOf(needs).readable).map(({ lane }) => lane);
}

describe('finding F8, S2: odd rows among good ones', () => {
  it.for<[string, string[]]>([
    ['a fresh table', []],
    ['an adopted table with a nullable type, an unsigned id and a text for JSON', ADOPTED],
  ])('stop nobody in %s', { timeout: 3 * PATIENCE_MS }, async ([, create], test) => {
    const task = create.length === 0 ? 'af_crawl_task' : 'cl_task';
    const adopted = create.length > 0;
    const random = new Random(SEED);
    db = await oldDatabase(create, { task });
    const { assignment } = db.names;
    const lanes = Math.max(2, Math.floor(ROWS / 10));
    // Before the adoption only the table's own columns can be odd, afterwards afd's too.
    const rows: OddRows = { good: [], odd: [] };
    const fill = async () => {
      const more = await insertOddRows(db.admin, task, { random, rows: Math.floor(ROWS / 2), lanes });
      rows.good.push(...more.good);
      rows.odd.push(...more.odd);
    };
    if (adopted) {
      await fill();
      await db.migrate();
    } else await migrateUp(db.address, db.names);
    await fill();
    if (!adopted) {
      await fill();
      // The last ids that a number of JavaScript tells apart.
      const last = [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
      for (const id of last) await db.admin.write(`INSERT INTO ${task} (id, task_type) VALUES (?, 'work')`, [id]);
      rows.good.push(...last);
    }
    await insertOddAssignments(db.admin, db.names.plain.assignment, rows.good.slice(0, 5), 'w1');
    for (const one of ODD_SETTINGS)
      await db.admin.write(`INSERT INTO ${db.names.setting} (name, value) VALUES (?, ?)`, one);
    const refused = await refusedRows(task);

    proxy = await countingProxy(db);
    const worker = { capabilities: { lane: 1_000_000 }, max_concurrent_tasks: 10 };
    const tables = adopted ? { tables: { task, prefix: 'af_' } } : {};
    const found = await fleet(test, { url: proxy.url }, { worker, ...tables });
    const ended: string[] = [];
    const workers = ['w1', 'w2'].map((deviceId) => {
      const one = found.start('worker', { deviceId });
      void one.exit.then(({ code }) => ended.push(`${deviceId} ended with ${code}: ${one.lines.at(-1)?.message}`));
      return one;
    });
    await Promise.all(workers.map((one) => one.event('worker:started')));

    /** Waits until no such row is left, while both workers live. */
    const none = (sql: string, what: string) =>
      until(
        async () => {
          expect(ended).toEqual([]);
          return (await db.admin.rows(`${sql} LIMIT 1`)).length === 0;
        },
        PATIENCE_MS,
        what,
      );
    await none(
      `SELECT id FROM ${task} WHERE id IN (${rows.good.join(', ')}) AND status <> 'done'`,
      'every good task done',
    );
    const running = `status = 'running' AND claimed_by IN ('w1', 'w2')`;
    await none(`SELECT * FROM ${task} WHERE ${WAITING} OR ${running}`, 'every odd task at its end, or put aside');

    // Nothing spins: packets per second of the database's clock, over a second of it.
    const clock = async () => Number((await db.admin.rows('SELECT UNIX_TIMESTAMP(NOW(3)) AS now'))[0]?.now);
    const [before, from] = [proxy.sent(), await clock()];
    await until(async () => (await clock()) >= from + 1, PATIENCE_MS, 'a second of the database');
    const rate = (proxy.sent() - before) / ((await clock()) - from);
    expect(rate, 'packets per second at rest').toBeLessThan(AT_REST);

    // Said once: no warning or error is repeated, and what was put aside is named by its id.
    const complaints = () => found.complaints('warn');
    const times = (line: string) => complaints().filter((one) => one === line).length;
    expect([...new Set(complaints())].filter((line) => times(line) > 3)).toEqual([]);
    // What the server lets nobody claim is put aside alone: failed, with the reason, without an attempt, said by its id.
    const attempts = `SELECT 1 FROM ${assignment} a WHERE a.task_id = t.id AND a.attempt IS NOT NULL`;
    const aside = await db.admin.rows<{ id: number; tried: number }>(
      `SELECT t.id, EXISTS (${attempts}) AS tried FROM ${task} t
       WHERE t.status = 'failed' AND t.last_error LIKE 'it cannot be claimed%' ORDER BY t.id`,
    );
    // In addition to those that a constraint refuses, the generator makes a few that the server refuses; never one of the good.
    const ids = aside.map(({ id }) => Number(id));
    expect(ids).toEqual(expect.arrayContaining(refused));
    expect(ids.length - refused.length, 'odd rows put aside').toBeLessThan(rows.good.length / 20);
    expect(ids.filter((id) => rows.good.includes(id))).toEqual([]);
    expect(aside.filter(({ id, tried }) => refused.includes(Number(id)) && Number(tried) > 0)).toEqual([]);
    const reports = complaints().filter((line) => line.includes('because it cannot be claimed'));
    const reported = reports.map((line) => Number(/task (\d+) was set to failed/.exec(line)?.[1]));
    expect(reported.sort((x, y) => x - y)).toEqual(ids);
    // And requirements that nobody can read are reported by the leader, one task of each lane by its id.
    const unreadable = await unreadableLanes(task);
    if (adopted) expect(unreadable.length).toBeGreaterThan(0);
    for (const lane of unreadable)
      await until(() => complaints().join().includes(`its lane ${lane}`), PATIENCE_MS, `the report of lane ${lane}`);
    // Rows of others are closed, and their tasks were run all the same; nobody is run for ever.
    const others = `attempt IS NULL AND status IN ('assigned', 'running')`;
    await none(`SELECT id FROM ${assignment} WHERE ${others}`, 'the end of the assignments of others');
    await none(
      `SELECT task_id FROM ${assignment} WHERE attempt IS NOT NULL GROUP BY task_id HAVING COUNT(*) > 20`,
      'as many attempts as a budget lets it have',
    );

    // An operator can read all of it: each command ends by itself, with an answer and without a stack trace.
    const odd = rows.odd.filter((_, n) => n % Math.ceil(rows.odd.length / 5) === 0).map(({ id }) => id);
    const shown = [refused[0]!, rows.good.at(-1)!, ...odd].map((id) => `tasks show ${id}`);
    for (const words of [
      ...['tasks ls --limit 10000', 'tasks ls --status pending --json', ...shown, 'devices ls', 'status'],
      ...['status --json', 'tasks retry --status failed --yes --json'],
    ]) {
      const { code, stdout, stderr } = await runCommand(words.split(' '), { cwd: found.dir });
      // Exit 1 of `status` means that something needs an operator, and here much does.
      expect([words, code, stderr]).toEqual([words, words.startsWith('status') ? 1 : 0, stderr]);
      expect(stdout.length, words).toBeGreaterThan(0);
      expect(`${stdout}${stderr}`, words).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
    }
    expect(ended).toEqual([]);
  });
});
