// RB3: a task is claimed, renewed and ended by an account that may EXECUTE three procedures and has no right in any table. They are
// those that bench/execute-only.mjs measures; afd itself calls none (docs/adr/0044-no-execute-only-worker.md).
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateUp } from '../../../src/core/db/migrate/migrator.ts';
import type { Row, Session } from '../../../src/core/db/session.ts';
import { type TableNames, tableNames } from '../../../src/core/db/table-names.ts';
import { addressOf } from '../../helpers/database.ts';
import { insertDevice } from '../../helpers/factories.ts';
import { sessionOf } from '../../helpers/schema-of.ts';
import { NO_PRIVATE_SERVER, type PrivateServer, privateServer } from '../../helpers/server.ts';
import { skipBecause } from '../../helpers/skip.ts';

interface Statement {
  sql: string;
  values: unknown[];
}
interface Owner {
  device_id: string;
  instance_token: Buffer;
}
interface Calls {
  claim(owner: Owner, claim: Record<string, unknown>): Statement;
  renew(owner: Owner, told: { active: number; starts: object[] }): Statement;
  end(owner: Owner, ends: object[]): Statement;
}
const shared = new URL('../../../bench/execute-only/procedures.mjs', import.meta.url).href;
const { PROCEDURES, procedureStatements, executeOnlyAccount, callsOf } = (await import(/* @vite-ignore */ shared)) as {
  PROCEDURES: string[];
  procedureStatements(names: TableNames): string[];
  executeOnlyAccount(names: TableNames, account: { schema: string; user: string; password: string }): string[];
  callsOf(names: TableNames): Calls;
};

const ADMIN = ['localhost', '127.0.0.1'].map((at) => `GRANT ALL PRIVILEGES ON *.* TO 'afd'@'${at}' WITH GRANT OPTION;`);
const ACCOUNT = { schema: 'afd', user: 'afd_execute', password: 'execute-password' };
const names = tableNames({ task: 'af_crawl_task', prefix: 'af_' });
const calls = callsOf(names);

let server: PrivateServer;
let admin: Session;
let sessions: [Session, Session];
let owner: Owner;
let lane: Row;

beforeAll(async () => {
  if (NO_PRIVATE_SERVER !== undefined) return;
  server = await privateServer({ setup: ADMIN });
  admin = sessionOf(addressOf(server.url), {});
  await admin.ready();
  await migrateUp(addressOf(server.url), names);
  for (const sql of [...procedureStatements(names), ...executeOnlyAccount(names, ACCOUNT)]) await admin.write(sql);
  const { user, password } = ACCOUNT;
  const url = new URL(server.url);
  url.searchParams.delete('socket');
  const address = { ...addressOf(url.href), user, password };
  sessions = [sessionOf(address, {}), sessionOf(address, {})];
  await Promise.all(sessions.map((one) => one.ready()));
}, 120_000);
afterAll(async () => {
  await Promise.all([admin, ...(sessions ?? [])].map((one) => one?.close()));
  await server?.stop();
});
beforeEach(async () => {
  for (const table of [names.assignment, names.task, names.device]) await admin.write(`DELETE FROM ${table}`);
  owner = await insertDevice(admin, names, { device_id: 'w1' });
  await admin.write(`INSERT INTO ${names.task} (task_type, task_data) VALUES ('work', '{"n":1}'), ('work', '{"n":2}')`);
  lane = (await admin.rows(`SELECT lane, claim_rank FROM ${names.task} LIMIT 1`))[0]!;
});

/** Rows of the answers of these calls, one list for each that has some. A batch of one CALL has its answers one level deeper. */
async function answers(session: Session, ...statements: Array<Statement | { sql: string }>): Promise<Row[][]> {
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
const read = (sql: string, ...values: unknown[]) => admin.rows(sql, values);
const taskOf = async (id: unknown) => (await read(`SELECT * FROM ${names.task} WHERE id = ?`, id))[0];
const attemptsOf = (id: unknown) => read(`SELECT * FROM ${names.assignment} WHERE task_id = ? ORDER BY id`, id);

describe('RB3 with EXECUTE and no right in any table', skipBecause(NO_PRIVATE_SERVER, 'mysqld'), () => {
  it('a task is claimed, renewed and ended', async () => {
    const [session] = sessions;
    const token = randomBytes(16);
    const [[task]] = (await answers(session, claimOf(token))) as [[Row]];
    expect(task).toMatchObject({
      task_type: 'work',
      task_data: '{"n":1}'.replace(':', admin.facts.isMariaDb ? ':' : ': '),
      attempt: 1,
    });
    expect(await taskOf(task.id)).toMatchObject({ status: 'running', claim_token: token, claimed_by: null });
    expect(await attemptsOf(task.id)).toMatchObject([
      { id: task.assignment_id, status: 'assigned', device_id: 'w1', claim_token: token },
    ]);

    const starts = [
      { assignment_id: task.assignment_id, token: token.toString('hex'), age_us: 2_000_000, lease_s: 90 },
    ];
    const [[renewed]] = (await answers(session, calls.renew(owner, { active: 1, starts }))) as [[Row]];
    expect([Number(renewed.device), Number(renewed.begun)]).toEqual([1, 1]);
    const [attempt] = await attemptsOf(task.id);
    expect(attempt).toMatchObject({ status: 'running', started_at: expect.any(String) });
    expect(Date.parse(`${attempt!.deadline_at}Z`) - Date.parse(`${attempt!.started_at}Z`)).toBe(90_000);
    expect(await read(`SELECT status, current_tasks FROM ${names.device}`)).toMatchObject([
      { status: 'busy', current_tasks: 1 },
    ]);

    // The end and the next claim in one transaction and one round trip.
    const next = randomBytes(16);
    const exchange = [
      { sql: 'START TRANSACTION' },
      calls.end(owner, [endOf(task, token)]),
      claimOf(next),
      { sql: 'COMMIT' },
    ];
    const [[ended], [second]] = (await answers(session, ...exchange)) as [[Row], [Row]];
    expect(Number(ended.written)).toBe(1);
    expect(second.id).toBeGreaterThan(Number(task.id));
    expect(await taskOf(task.id)).toMatchObject({ status: 'done', claim_token: null, finished_at: expect.any(String) });
    expect(await attemptsOf(task.id)).toMatchObject([{ status: 'completed', completed_at: expect.any(String) }]);
  });

  it('a deferred claim gets its row with its end, and a failure goes back into the queue', async () => {
    const [session] = sessions;
    const token = randomBytes(16);
    const [tasks] = (await answers(session, claimOf(token, { limit: 5, deferred: true }))) as [[Row, Row]];
    expect(tasks).toHaveLength(2);
    expect(await taskOf(tasks[0].id)).toMatchObject({ claimed_by: 'w1', claim_instance: owner.instance_token });
    expect(await attemptsOf(tasks[0].id)).toEqual([]);
    const failed = endOf(tasks[1], token, { completed: 0, result: null, error: 'no', retry_in_us: 3_600_000_000 });
    const [[ended]] = (await answers(session, calls.end(owner, [failed, endOf(tasks[0], token)]))) as [[Row]];
    expect(Number(ended.written)).toBe(2);
    expect(await taskOf(tasks[0].id)).toMatchObject({ status: 'done', claimed_by: null });
    expect(await taskOf(tasks[1].id)).toMatchObject({
      status: 'pending',
      retry: 1,
      last_error: 'no',
      claimed_by: null,
    });
    expect(await attemptsOf(tasks[0].id)).toMatchObject([{ status: 'completed', attempt: 1 }]);
    expect(await attemptsOf(tasks[1].id)).toMatchObject([{ status: 'failed', error_message: 'no' }]);
    expect(await answers(session, claimOf(randomBytes(16), { limit: 5 }))).toEqual([]);
  });

  it('two claims at one time get different tasks', async () => {
    const [one, other] = sessions;
    const [[first]] = (await answers(one, { sql: 'START TRANSACTION' }, claimOf(randomBytes(16)))) as [[Row]];
    const [[second]] = (await answers(other, claimOf(randomBytes(16), { limit: 5 }))) as [[Row]];
    await one.write('COMMIT');
    expect(second.id).toBe(Number(first.id) + 1);
    expect(await read(`SELECT COUNT(*) AS n FROM ${names.assignment}`)).toMatchObject([{ n: 2 }]);
  });

  it('nothing is claimed by a paused device, or written for an attempt of somebody else', async () => {
    const [session] = sessions;
    const token = randomBytes(16);
    const [[task]] = (await answers(session, claimOf(token))) as [[Row]];
    const other = await insertDevice(admin, names, { device_id: 'w2' });
    const strangers = [
      calls.end(owner, [endOf(task, randomBytes(16))]),
      calls.end(other, [endOf(task, token)]),
      calls.end({ ...owner, instance_token: other.instance_token }, [endOf(task, token)]),
      calls.end(owner, [endOf(task, token), endOf({ ...task, id: Number(task.id) + 1 }, token)]),
    ];
    for (const one of strangers) expect(await answers(session, one)).toMatchObject([[{ written: 0 }]]);
    const starts = [{ assignment_id: task.assignment_id, token: token.toString('hex'), age_us: 1, lease_s: 1 }];
    expect(await answers(session, calls.renew(other, { active: 1, starts }))).toMatchObject([[{ begun: 0 }]]);
    expect(await taskOf(task.id)).toMatchObject({ status: 'running', claim_token: token });
    await admin.write(`UPDATE ${names.device} SET operator_state = 'paused'`);
    expect(await answers(session, claimOf(randomBytes(16)))).toEqual([]);
  });

  it('no table is read or written', async () => {
    const [session] = sessions;
    const through: string[] = [];
    const tables = Object.values(names.plain).filter((one) => one !== names.plain.migration);
    const tried = tables.flatMap((table) => [`SELECT * FROM ${table}`, `DELETE FROM ${table}`]);
    const more = [
      `SELECT id FROM ${names.task} FOR UPDATE`,
      `UPDATE ${names.task} SET status = 'done'`,
      `UPDATE ${names.assignment} SET status = 'completed'`,
      `UPDATE ${names.device} SET status = 'online'`,
      `INSERT INTO ${names.task} (task_type) VALUES ('other')`,
      `DROP PROCEDURE af_${PROCEDURES[0]}`,
    ];
    for (const sql of [...tried, ...more]) {
      const code = await session.write(sql).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      if (code !== 'E_FORBIDDEN') through.push(`${code}: ${sql}`);
    }
    expect(through).toEqual([]);
    const grants = await admin.rows(`SHOW GRANTS FOR '${ACCOUNT.user}'@'%'`);
    const rights = grants.map((row) => String(Object.values(row)[0]));
    expect(rights.filter((one) => !/^GRANT (USAGE ON \*\.\*|EXECUTE ON PROCEDURE)/.test(one))).toEqual([]);
    expect(rights.filter((one) => one.startsWith('GRANT EXECUTE'))).toHaveLength(PROCEDURES.length);
  });
});
