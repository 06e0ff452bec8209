// RB3: a task is claimed, renewed and ended by an account that may EXECUTE three procedures and has no right in any table. They are
// those that bench/execute-only.mjs measures; afd itself calls none (docs/adr/0044-no-execute-only-worker.md).
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import type { Row, Session } from '../../../src/core/db/session.ts';
import { type TableNames, tableNames } from '../../../src/core/db/table-names.ts';
import { type AdminServer, adminServer } from '../../helpers/admin-server.ts';
import { addressOf } from '../../helpers/database.ts';
import { insertDevice } from '../../helpers/factories.ts';
import { sessionOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

interface Statement {
  sql: string;
  values?: unknown[];
}
interface Owner {
  device_id: string;
  instance_token: Buffer;
}
interface Procedures {
  PROCEDURES: string[];
  procedureStatements(names: TableNames): string[];
  executeOnlyAccount(names: TableNames, account: { schema: string; user: string; password: string }): string[];
  callsOf(names: TableNames): {
    claim(owner: Owner, claim: Record<string, unknown>): Statement;
    renew(owner: Owner, told: { active: number; starts: object[] }): Statement;
    end(owner: Owner, ends: object[]): Statement;
  };
}
const shared = new URL('../../../bench/execute-only/procedures.mjs', import.meta.url).href;
const { PROCEDURES, procedureStatements, executeOnlyAccount, callsOf } = (await import(
  /* @vite-ignore */ shared
)) as Procedures;

const ACCOUNT = { schema: 'afd', user: 'afd_execute', password: 'execute-password' };
const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const calls = callsOf(names);

let own: AdminServer;
let session: Session;
let owner: Owner;
let lane: Row;

beforeAll(async () => {
  if (NO_PRIVATE_SERVER !== undefined) return;
  own = await adminServer();
  await migrateUp(addressOf(own.server.url), names);
  for (const sql of [...procedureStatements(names), ...executeOnlyAccount(names, ACCOUNT)]) await own.admin.write(sql);
  session = sessionOf(addressOf(own.urlOf(ACCOUNT.user, ACCOUNT.password)), {});
  await session.ready();
}, 120_000);
afterAll(async () => {
  await session?.close();
  await own?.stop();
});
beforeEach(async () => {
  const { admin } = own;
  for (const table of [names.assignment, names.task, names.device]) await admin.write(`DELETE FROM ${table}`);
  owner = await insertDevice(admin, names, { device_id: 'w1' });
  await admin.write(`INSERT INTO ${names.task} (task_type, task_data) VALUES ('work', '{"n":1}'), ('work', '{"n":2}')`);
  lane = (await admin.rows(`SELECT lane, claim_rank FROM ${names.task} LIMIT 1`))[0]!;
});

/** Rows of the answers of these calls, one list for each that has some. A batch of one CALL has its answers one level deeper. */
async function answers(...statements: Statement[]): Promise<Row[][]> {
  const results = await session.batch(statements);
  const all: unknown[] = statements.length === 1 && Array.isArray(results[0]) ? results[0] : results;
  return all.filter((one) => Array.isArray(one)) as Row[][];
}
const claimOf = (claim_token: Buffer, more: object = {}) =>
  calls.claim(owner, { claim_token, ...lane, cursor: undefined, limit: 1, lease_s: 60, deferred: false, ...more });
const endOf = ({ id, assignment_id }: Row, token: Buffer, more: object = {}) => ({
  ...{ task_id: id, assignment_id, token: token.toString('hex'), completed: 1, age_us: 5000, result: '{"ok":true}' },
  ...more,
});
const taskOf = async (id: unknown) => (await own.admin.rows(`SELECT * FROM ${names.task} WHERE id = ?`, [id]))[0];
const attemptsOf = (id: unknown) => own.admin.rows(`SELECT * FROM ${names.assignment} WHERE task_id = ?`, [id]);

describe('RB3 with EXECUTE and no right in any table', skipBecause(NO_PRIVATE_SERVER, 'mysqld'), () => {
  it('a task is claimed, renewed and ended, and the next one claimed in the same round trip', async () => {
    const token = randomBytes(16);
    const [[task]] = (await answers(claimOf(token))) as [[Row]];
    expect(task).toMatchObject({ task_type: 'work', attempt: 1 });
    expect(await taskOf(task.id)).toMatchObject({ status: 'running', claim_token: token });
    expect(await attemptsOf(task.id)).toMatchObject([{ id: task.assignment_id, status: 'assigned', device_id: 'w1' }]);
    const { assignment_id } = task;
    const starts = [{ assignment_id, token: token.toString('hex'), age_us: 2_000_000, lease_s: 90 }];
    const [[renewed]] = (await answers(calls.renew(owner, { active: 1, starts }))) as [[Row]];
    expect([Number(renewed.device), Number(renewed.begun)]).toEqual([1, 1]);
    const [attempt] = await attemptsOf(task.id);
    expect(attempt!.status).toBe('running');
    expect(Date.parse(`${attempt!.deadline_at}Z`) - Date.parse(`${attempt!.started_at}Z`)).toBe(90_000);

    const end = calls.end(owner, [endOf(task, token)]);
    const exchange = [{ sql: 'START TRANSACTION' }, end, claimOf(randomBytes(16)), { sql: 'COMMIT' }];
    const [[ended], [second]] = (await answers(...exchange)) as [[Row], [Row]];
    expect(Number(ended.written)).toBe(1);
    expect(second.id).toBeGreaterThan(Number(task.id));
    expect(await taskOf(task.id)).toMatchObject({ status: 'done', claim_token: null, finished_at: expect.any(String) });
    expect(await attemptsOf(task.id)).toMatchObject([{ status: 'completed', completed_at: expect.any(String) }]);
  });

  it('no table is read or written', async () => {
    const through: string[] = [];
    const tables = Object.values(names.plain).filter((one) => one !== names.plain.migration);
    for (const sql of [
      ...tables.flatMap((table) => [`SELECT * FROM ${table}`, `DELETE FROM ${table}`]),
      ...['task', 'assignment', 'device'].map((one) => `UPDATE ${names[one as 'task']} SET status = 'x'`),
      `INSERT INTO ${names.task} (task_type) VALUES ('other')`,
      `DROP PROCEDURE af_${PROCEDURES[0]}`,
    ]) {
      const code = await session.write(sql).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      if (code !== 'E_FORBIDDEN') through.push(`${code}: ${sql}`);
    }
    expect(through).toEqual([]);
    const grants = await own.admin.rows(`SHOW GRANTS FOR '${ACCOUNT.user}'@'%'`);
    const rights = grants.map(
      (row) => /^GRANT (USAGE ON \*\.\*|EXECUTE ON PROCEDURE)?/.exec(String(Object.values(row)))![1],
    );
    expect(rights.sort()).toEqual([...PROCEDURES.map(() => 'EXECUTE ON PROCEDURE'), 'USAGE ON *.*']);
  });
});
