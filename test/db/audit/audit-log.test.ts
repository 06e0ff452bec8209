// RB16: the audit log is a chain, and what is done to it from outside is found.
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { makeKey } from '../../../src/core/access/manage-keys.ts';
import { makeCheckpoint, readCheckpoints } from '../../../src/core/audit/audit-checkpoint.ts';
import { audited } from '../../../src/core/audit/audited.ts';
import { firstSince, listAudit } from '../../../src/core/audit/list-audit.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Context } from '../../../src/core/context/context.ts';
import { AUDIT_COLUMNS, appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { auditRows } from '../../../src/core/db/audit/read-audit.ts';
import type { Session } from '../../../src/core/db/session.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { type AuditRow, rowHash } from '../../../src/core/domain/audit/audit-row.ts';
import { pruneAudit } from '../../../src/core/leader/audit-pruner.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { actor } from '../../helpers/actor.ts';
import type { TestDatabase } from '../../helpers/database.ts';
import { it } from '../../helpers/fixture.ts';
import { testContext, withOneSession } from '../../helpers/node.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

let db: TestDatabase;
let session: Session;
let context: Context;
let log: string;
it.beforeEach(({ given }) => {
  ({ db, session } = given);
  context = testContext(db);
  log = db.names.auditLog;
});
it.afterEach(() => context.close());

const entry = (n: number) =>
  ({ action: 'tasks.cancel', object_type: 'task', object_id: String(n), before: { n }, after: null }) as const;
const add = (from: number, to: number, by = actor('alice@host', 'because')) =>
  transaction(session, async () => {
    for (let n = from; n <= to; n += 1) await appendAudit(session, db.names, by, [entry(n)]);
  });
const all = () => auditRows(session, db.names, 1, 5000);
const verify = async (checkpoints = undefined as Parameters<typeof verifyAudit>[1]) =>
  verifyAudit(context, checkpoints);
const badRow = async () => (await verify()).first_bad?.id ?? null;
/** Somebody who may write the table writes these rows, and the head, so that the chain is whole again. */
const writeAnew = async (rows: AuditRow[]) => {
  let before = rows[0]!.prev_hash;
  await session.write(`DELETE FROM ${log}`);
  for (const row of rows) {
    const next = { ...row, prev_hash: before };
    before = rowHash(next);
    await session.write(`INSERT INTO ${log} (${AUDIT_COLUMNS.join(', ')}) VALUES (?)`, [
      AUDIT_COLUMNS.map((name) => ({ ...next, hash: before })[name]),
    ]);
  }
  await session.write(`UPDATE ${db.names.auditHead} SET id = ?, hash = ?`, [rows.at(-1)!.id, before]);
};
const keys = () => {
  const dir = folder({});
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const [key, pub, file] = ['audit.key', 'audit.pub', 'checkpoints.jsonl'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(pub, publicKey.export({ type: 'spki', format: 'pem' }));
  return { key, pub, file };
};

describe('RB16 a change of the audit log is found, with the first bad row:', () => {
  it('none: it is intact, whatever the texts are', async () => {
    expect(await verify()).toMatchObject({ intact: true, rows: 0, last_id: null });
    const odd = actor('\u{1f600}\ud800 "\\ \u0000  ', `${'é'.repeat(600)}`);
    await transaction(session, () => appendAudit(session, db.names, { ...odd, source: 'fe80::1%eth0' }, [entry(1)]));
    await add(2, 20);
    const rows = await all();
    expect(await verify()).toEqual({
      ...{ intact: true, rows: 20, pruned_to: null, first_bad: null, checkpoints: { agreed: 0, pruned: 0 } },
      ...{ last_id: 20, last_hash: rows.at(-1)!.hash.toString('hex') },
    });
    expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it.for(AUDIT_COLUMNS)('a changed %s', async (column) => {
    await add(1, 9);
    const values: Partial<Record<(typeof AUDIT_COLUMNS)[number], string>> = {
      ...{ id: '50', at: 'at + INTERVAL 1 SECOND', source: "'10.0.0.1'", reason: 'NULL', after_hash: 'NULL' },
    };
    const hashes = ['before_hash', 'prev_hash', 'hash'] as string[];
    const set = values[column] ?? (hashes.includes(column) ? "UNHEX(REPEAT('ab', 32))" : "'x'");
    await session.write(`UPDATE ${log} SET ${column} = ${set} WHERE id = 5`);
    expect(await badRow()).toBe(5);
  });

  it('a changed field with the hash to match, by the row that follows', async () => {
    await add(1, 9);
    const row = { ...(await all())[4]!, actor: 'os:mallory' };
    await session.write(`UPDATE ${log} SET actor = ?, hash = ? WHERE id = 5`, [row.actor, rowHash(row)]);
    expect((await verify()).first_bad).toEqual({
      ...{ id: 6, message: 'Row 6 does not follow row 5: one of both was written anew.' },
    });
  });

  it('a row that is missing in the middle, or at the beginning', async () => {
    await add(1, 9);
    await session.write(`DELETE FROM ${log} WHERE id = 5`);
    expect((await verify()).first_bad).toEqual({ id: 5, message: 'Row 5 is missing; the next one is 6.' });
    await session.write(`DELETE FROM ${log} WHERE id <= 6`);
    expect((await verify()).first_bad).toMatchObject({ id: 1, message: expect.stringContaining('Rows 1 to 6') });
  });

  it('two rows that changed places', async () => {
    await add(1, 9);
    for (const [from, to] of [
      [5, 0],
      [7, 5],
      [0, 7],
    ])
      await session.write(`UPDATE ${log} SET id = ? WHERE id = ?`, [to, from]);
    expect(await badRow()).toBe(5);
  });

  it('the newest rows cut off: by the head, or when that is set back too, by a checkpoint alone', async () => {
    await add(1, 9);
    const { key, pub, file } = keys();
    writeFileSync(file, `${JSON.stringify(await makeCheckpoint(context, key, process.getuid?.()))}\n`);
    await session.write(`DELETE FROM ${log} WHERE id > 7`);
    expect((await verify()).first_bad).toEqual({ id: 8, message: 'The newest rows are missing: 8 to 9.' });
    await writeAnew(await all());
    // Nothing in the database shows it now.
    expect(await verify()).toMatchObject({ intact: true, last_id: 7 });
    const found = await verify(await readCheckpoints(file, pub));
    expect(found.first_bad).toMatchObject({
      id: 8,
      message: expect.stringMatching(/^Row 8 is missing: the checkpoint/),
    });
    await session.write(`DELETE FROM ${db.names.auditHead}`);
    expect((await verify()).first_bad).toMatchObject({ id: 8 });
    await session.write(
      `INSERT INTO ${db.names.auditHead} VALUES ('head', 0, UNHEX(REPEAT('00', 32)), UTC_TIMESTAMP(3))`,
    );
  });

  it('a whole log that was written anew: by a checkpoint alone', async () => {
    await add(1, 5);
    const { key, pub, file } = keys();
    const early = await makeCheckpoint(context, key, process.getuid?.());
    await add(6, 9);
    const late = await makeCheckpoint(context, key, process.getuid?.());
    writeFileSync(file, [early, late].map((one) => `${JSON.stringify(one)}\n`).join('\n'));
    const checkpoints = await readCheckpoints(file, pub);
    expect(await verify(checkpoints)).toMatchObject({ intact: true, checkpoints: { agreed: 2, pruned: 0 } });
    await writeAnew((await all()).map((row) => (row.id === 3 ? { ...row, actor: 'os:mallory' } : row)));
    expect(await verify()).toMatchObject({ intact: true, rows: 9 });
    expect((await verify(checkpoints)).first_bad).toMatchObject({ id: 5, message: expect.stringContaining(early.at) });
  });

  it('a row that another program added', async () => {
    await add(1, 3);
    const last = (await all())[2]!;
    const more = { ...last, id: 4, prev_hash: last.hash };
    const row: AuditRow = { ...more, hash: rowHash(more) };
    await session.write(`INSERT INTO ${log} (${AUDIT_COLUMNS.join(', ')}) VALUES (?)`, [
      AUDIT_COLUMNS.map((name) => row[name]),
    ]);
    expect((await verify()).first_bad).toEqual({ id: 4, message: 'Row 4 was added by another program.' });
  });
});

it('RB16 a checkpoint that was changed, or is of another key, is refused; so is a key that others can read', async () => {
  await expect(makeCheckpoint(context, keys().key, undefined)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await add(1, 2);
  const { key, pub, file } = keys();
  const uid = process.getuid?.();
  const made = await makeCheckpoint(context, key, uid);
  const refusal = async (line: object, publicKey = pub) => {
    writeFileSync(file, JSON.stringify(line));
    const error = await readCheckpoints(file, publicKey).catch((one) => one);
    return `${error.code}: ${error.message.replaceAll(file, 'FILE')}`;
  };
  expect(await refusal({ ...made, id: 1 })).toBe('E_USAGE: Line 1 of FILE was changed after it was signed.');
  expect(await refusal({ ...made, at: '2020-01-01T00:00:00.000Z' })).toContain('was changed after');
  expect(await refusal({ ...made, more: 1 })).toBe('E_USAGE: Line 1 of FILE is not a checkpoint of the audit log.');
  expect(await refusal(made, keys().pub)).toContain('is signed with another key');
  chmodSync(key, 0o644);
  await expect(makeCheckpoint(context, key, uid)).rejects.toMatchObject({ code: 'E_CONFIG' });
  chmodSync(key, 0o600);
  await session.write(`UPDATE ${log} SET reason = 'x' WHERE id = 2`);
  await expect(makeCheckpoint(context, key, uid)).rejects.toMatchObject({ code: 'E_CONFLICT' });
});

describe('RB16 retention', () => {
  const prune = async (days: number) => {
    await session.write(
      `UPDATE ${db.names.leader} SET holder = 'l1', term = 3, expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 DAY`,
    );
    const duty = new DutySession(await db.session(), db.names, { holder: 'l1', term: 3 });
    return pruneAudit(duty, days).finally(() => duty.close());
  };
  /** The rows so far, some days earlier, as they would have been written then. */
  const backdate = async (days: number) => {
    const rows = await all();
    const at = (iso: string) => new Date(Date.parse(`${iso.replace(' ', 'T')}Z`) - days * 86_400_000).toISOString();
    await writeAnew(rows.map((row) => ({ ...row, at: at(row.at).replace('T', ' ').replace('Z', '') })));
  };

  it('deletes the beginning and says so in the log: it stays verifiable, and an older checkpoint is no alarm', async () => {
    await add(1, 1500);
    await backdate(40);
    const { key, pub, file } = keys();
    writeFileSync(file, JSON.stringify(await makeCheckpoint(context, key, process.getuid?.())));
    await add(1501, 1503);
    expect(await prune(60)).toEqual({ deleted: 0 });
    expect(await prune(30)).toEqual({ deleted: 1500 });
    // Two rows for the two transactions, with the first of them not old enough for the next round.
    expect((await all()).map(({ id, action, actor: who }) => [id, action, who])).toEqual([
      ...[1501, 1502, 1503].map((id) => [id, 'tasks.cancel', 'os:alice@host']),
      ...[1504, 1505].map((id) => [id, 'audit.prune', 'leader:l1']),
    ]);
    expect(await verify(await readCheckpoints(file, pub))).toMatchObject({
      ...{ intact: true, rows: 5, pruned_to: 1500, checkpoints: { agreed: 1, pruned: 0 } },
    });
    await add(1504, 1510);
    expect(await verify()).toMatchObject({ intact: true, rows: 12 });
    // More than the leader deleted.
    await session.write(`DELETE FROM ${log} WHERE id <= 1502`);
    expect((await verify()).first_bad).toMatchObject({ id: 1, message: expect.stringContaining('Rows 1 to 1502') });
  });

  it('keeps the newest row, however old it is', async () => {
    await add(1, 3);
    await backdate(1000);
    expect(await prune(1)).toEqual({ deleted: 2 });
    expect(await prune(1)).toEqual({ deleted: 1 });
    expect(await prune(1)).toEqual({ deleted: 0 });
    expect(await verify()).toMatchObject({ intact: true });
  });
});

describe('RB16 an act and its row', () => {
  const key = { name: 'k', role: 'viewer', device_id: null, lifetimeS: 60 } as const;

  it('twenty writers at once leave one whole chain, and none of them fails', async () => {
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const own = testContext(db);
        const same = await withOneSession(own);
        for (let one = 0; one < 10; one += 1) await makeKey(same, key, actor(`writer-${n}`));
        await own.close();
      }),
    );
    expect(await verify()).toMatchObject({ intact: true, rows: 200 });
    const times = (await all()).map((row) => row.at);
    expect(times).toEqual([...times].sort());
  });

  it('a verification sees one moment, while rows are added', async () => {
    await add(1, 100);
    const stop = new AbortController();
    const same = await withOneSession(context);
    const writer = (async () => {
      while (!stop.signal.aborted) await makeKey(same, key, actor());
    })();
    const other = testContext(db);
    const reader = await withOneSession(other);
    for (let n = 0; n < 10; n += 1) expect(await verifyAudit(reader)).toMatchObject({ intact: true });
    stop.abort();
    await writer;
    await other.close();
  });

  it('come together or not at all: without a head no key is made, and the error says why', async () => {
    await session.write(`DELETE FROM ${db.names.auditHead}`);
    await expect(makeKey(context, key, actor())).rejects.toMatchObject({ code: 'E_SCHEMA' });
    expect(await session.rows(`SELECT 1 FROM ${db.names.apiKey}`)).toEqual([]);
    await session.write(
      `INSERT INTO ${db.names.auditHead} VALUES ('head', 0, UNHEX(REPEAT('00', 32)), UTC_TIMESTAMP(3))`,
    );
  });

  it('a connection that dies before COMMIT leaves neither', async () => {
    const own = await db.session();
    const act = audited(
      { session: own, names: db.names },
      actor(),
      async () => {
        await own.write(`INSERT INTO ${db.names.setting} (name, value) VALUES ('x', '1')`);
      },
      () => {
        // Between the act and its row.
        own.destroy();
        return entry(1);
      },
    );
    await expect(act).rejects.toMatchObject({ code: 'E_DATABASE' });
    expect(await session.rows(`SELECT 1 FROM ${db.names.setting} WHERE name = 'x'`)).toEqual([]);
    expect(await all()).toEqual([]);
    await makeKey(context, key, actor());
    expect(await verify()).toMatchObject({ intact: true, rows: 1 });
  });
});

describe('the list', () => {
  it('has pages, and finds what one actor did, to one thing, since a moment', async () => {
    await add(1, 30);
    await add(31, 40, actor('bob@host'));
    const page = await listAudit(context, {}, { limit: 25 });
    expect(page.rows.map((row) => row.id)).toEqual(Array.from({ length: 25 }, (_, n) => 40 - n));
    const rest = await listAudit(context, {}, { limit: 25, cursor: page.cursor! });
    expect([rest.rows.length, rest.rows.at(-1)!.id, rest.cursor]).toEqual([15, 1, null]);
    const ids = async (search: Parameters<typeof listAudit>[1]) =>
      (await listAudit(context, search, { limit: 3 })).rows.map((row) => row.id);
    expect(await ids({ actor: 'os:bob@host' })).toEqual([40, 39, 38]);
    expect(await ids({ object_type: 'task', object_id: '7' })).toEqual([7]);
    expect(await ids({ action: 'keys.create' })).toEqual([]);
    expect(await ids({ since: { from_now_s: -3600 } })).toEqual([40, 39, 38]);
    expect(await ids({ since: { from_now_s: 3600 } })).toEqual([]);
    const { rows } = await listAudit(context, { object_id: '1' }, { limit: 1 });
    expect(rows[0]).toMatchObject({ reason: 'because', source: null, request_id: 'of-a-test', outcome: 'done' });
    expect(rows[0]!.at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(await firstSince(session, db.names, rows[0]!.at)).toBe(1);
  });
});
