// RB16: the audit log is a chain, and what is done to it from outside is found.
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { makeKey } from '../../../src/core/access/manage-keys.ts';
import { makeCheckpoint, readCheckpoints } from '../../../src/core/audit/audit-checkpoint.ts';
import { audited } from '../../../src/core/audit/audited.ts';
import { firstSince, listAudit } from '../../../src/core/audit/list-audit.ts';
import { verifyAudit } from '../../../src/core/audit/verify-audit.ts';
import type { Context } from '../../../src/core/context/context.ts';
import { AUDIT_COLUMNS, appendAudit } from '../../../src/core/db/audit/append-audit.ts';
import { auditRows } from '../../../src/core/db/audit/read-audit.ts';
import { transaction } from '../../../src/core/db/transaction.ts';
import { type AuditRow, rowHash } from '../../../src/core/domain/audit/audit-row.ts';
import { pruneAudit } from '../../../src/core/leader/audit-pruner.ts';
import { DutySession } from '../../../src/core/leader/duty/duty-session.ts';
import { actor } from '../../helpers/actor.ts';
import { db, it, names, session, useDatabase } from '../../helpers/database-here.ts';
import { testContext, withOneSession } from '../../helpers/node.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

useDatabase();
let context: Context;
let log: string;
it.beforeEach(() => {
  context = testContext(db);
  log = names.auditLog;
});
it.afterEach(() => context.close());

const entry = (n: number) =>
  ({ action: 'tasks.cancel', object_type: 'task', object_id: String(n), before: { n }, after: null }) as const;
const add = (from: number, to: number, by = actor('alice@host', 'because')) =>
  transaction(session, async () => {
    for (let n = from; n <= to; n += 1) await appendAudit(session, names, by, [entry(n)]);
  });
const all = () => auditRows(session, names, 1, 5000);
const verify = (checkpoints?: Parameters<typeof verifyAudit>[1]) => verifyAudit(context, checkpoints);
const bad = async (checkpoints?: Parameters<typeof verifyAudit>[1]) => (await verify(checkpoints)).first_bad;
const insert = (row: AuditRow) =>
  session.write(`INSERT INTO ${log} (${AUDIT_COLUMNS.join(', ')}) VALUES (?)`, [
    AUDIT_COLUMNS.map((name) => row[name]),
  ]);
/** Somebody who may write the table writes these rows, and the head, so that the chain is whole again. */
const writeAnew = async (rows: AuditRow[]) => {
  let before = rows[0]!.prev_hash;
  await session.write(`DELETE FROM ${log}`);
  for (const row of rows) {
    const next = { ...row, prev_hash: before };
    before = rowHash(next);
    await insert({ ...next, hash: before });
  }
  await session.write(`UPDATE ${names.auditHead} SET id = ?, hash = ?`, [rows.at(-1)!.id, before]);
};
const newHead = () =>
  session.write(`INSERT INTO ${names.auditHead} VALUES ('head', 0, UNHEX(REPEAT('00', 32)), UTC_TIMESTAMP(3))`);

const keys = () => {
  const dir = folder({});
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const [key, pub, file] = ['audit.key', 'audit.pub', 'checkpoints.jsonl'].map((name) => join(dir, name));
  writeFileSync(key!, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(pub!, publicKey.export({ type: 'spki', format: 'pem' }));
  return { key: key!, pub: pub!, file: file! };
};
/** Makes checkpoints of what there is now, and reads them back whenever it is called. */
const checkpointed = async () => {
  const { key, pub, file } = keys();
  const made = await makeCheckpoint(context, key, process.getuid?.());
  writeFileSync(file, `${JSON.stringify(made)}\n`);
  return { made, read: () => readCheckpoints(file, pub) };
};

it('RB16 an audit log that nobody changed is intact, whatever the texts are', async () => {
  expect(await verify()).toMatchObject({ intact: true, rows: 0, last_id: null });
  const odd = actor('\u{1f600}\ud800 "\\ \u0000  ', `${'é'.repeat(600)}`);
  await transaction(session, () => appendAudit(session, names, { ...odd, source: 'fe80::1%eth0' }, [entry(1)]));
  await add(2, 20);
  const rows = await all();
  expect(await verify()).toEqual({
    ...{ intact: true, rows: 20, pruned_to: null, first_bad: null, checkpoints: { agreed: 0, pruned: 0 } },
    ...{ last_id: 20, last_hash: rows.at(-1)!.hash.toString('hex') },
  });
  expect(rows.map((row) => row.id)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
});

it.for(AUDIT_COLUMNS)('RB16 a change of the audit log is found, with the first bad row: of %s', async (column) => {
  await add(1, 9);
  const values: Partial<Record<(typeof AUDIT_COLUMNS)[number], string>> = {
    ...{ id: '50', at: 'at + INTERVAL 1 SECOND', source: "'10.0.0.1'", reason: 'NULL', after_hash: 'NULL' },
  };
  const hashes = ['before_hash', 'prev_hash', 'hash'] as string[];
  const set = values[column] ?? (hashes.includes(column) ? "UNHEX(REPEAT('ab', 32))" : "'x'");
  await session.write(`UPDATE ${log} SET ${column} = ${set} WHERE id = 5`);
  expect(await bad()).toMatchObject({ id: 5 });
});

it('RB16 a change of the audit log is found, with the first bad row: with the hash to match, a missing row, a row of another program', async () => {
  await add(1, 9);
  const rows = await all();
  const row = { ...rows[4]!, actor: 'os:mallory' };
  await session.write(`UPDATE ${log} SET actor = ?, hash = ? WHERE id = 5`, [row.actor, rowHash(row)]);
  expect(await bad()).toEqual({ id: 6, message: 'Row 6 does not follow row 5: one of both was written anew.' });
  await session.write(`DELETE FROM ${log} WHERE id = 5`);
  expect(await bad()).toEqual({ id: 5, message: 'Row 5 is missing; the next one is 6.' });
  await session.write(`DELETE FROM ${log} WHERE id <= 6`);
  expect(await bad()).toMatchObject({ id: 1, message: expect.stringContaining('Rows 1 to 6') });
  await writeAnew(rows);
  const more = { ...rows[8]!, id: 10, prev_hash: (await all())[8]!.hash };
  await insert({ ...more, hash: rowHash(more) });
  expect(await bad()).toEqual({ id: 10, message: 'Row 10 was added by another program.' });
});

it('RB16 a change of the audit log is found: newest rows cut off, by the head, or when that is set back too, by a checkpoint alone', async () => {
  await add(1, 9);
  const { read } = await checkpointed();
  await session.write(`DELETE FROM ${log} WHERE id > 7`);
  expect(await bad()).toEqual({ id: 8, message: 'The newest rows are missing: 8 to 9.' });
  await writeAnew(await all());
  // Nothing in the database shows it now.
  expect(await verify()).toMatchObject({ intact: true, last_id: 7 });
  const message = expect.stringMatching(/^Row 8 is missing: the checkpoint/);
  expect(await bad(await read())).toMatchObject({ id: 8, message });
  await session.write(`DELETE FROM ${names.auditHead}`);
  expect(await bad()).toMatchObject({ id: 8 });
  await newHead();
});

it('RB16 a checkpoint that was changed, or is of another key, is refused; so is a key that others can read', async () => {
  await expect(makeCheckpoint(context, keys().key, undefined)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
  await add(1, 2);
  const { key, pub, file } = keys();
  const make = () => makeCheckpoint(context, key, process.getuid?.());
  const made = await make();
  const refusal = async (line: object, publicKey = pub) => {
    writeFileSync(file, JSON.stringify(line));
    const error = await readCheckpoints(file, publicKey).catch((one) => one);
    return `${error.code}: ${error.message.replaceAll(file, 'FILE')}`;
  };
  expect(await refusal({ ...made, id: 1 })).toBe('E_USAGE: Line 1 of FILE was changed after it was signed.');
  expect(await refusal({ ...made, more: 1 })).toBe('E_USAGE: Line 1 of FILE is not a checkpoint of the audit log.');
  expect(await refusal(made, keys().pub)).toContain('is signed with another key');
  chmodSync(key, 0o644);
  await expect(make()).rejects.toMatchObject({ code: 'E_CONFIG' });
  chmodSync(key, 0o600);
  await session.write(`UPDATE ${log} SET reason = 'x' WHERE id = 2`);
  await expect(make()).rejects.toMatchObject({ code: 'E_CONFLICT' });
});

it('RB16 retention deletes the beginning and says so in the log, which stays verifiable', async () => {
  const prune = async (days: number) => {
    await session.write(
      `UPDATE ${names.leader} SET holder = 'l1', term = 3, expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 DAY`,
    );
    const duty = new DutySession(await db.session(), names, { holder: 'l1', term: 3 });
    return pruneAudit(duty, days).finally(() => duty.close());
  };
  await add(1, 1500);
  // Written 40 days ago.
  const at = (iso: string) => new Date(Date.parse(`${iso.replace(' ', 'T')}Z`) - 40 * 86_400_000).toISOString();
  const rows = await all();
  await writeAnew(rows.map((row) => ({ ...row, at: at(row.at).replace('T', ' ').replace('Z', '') })));
  const { read } = await checkpointed();
  expect(await prune(60)).toEqual({ deleted: 0 });
  expect(await prune(30)).toEqual({ deleted: 1500 });
  await add(1501, 1503);
  const left = (await all()).map((row) => [row.action, row.actor]);
  const acts = Array.from({ length: 3 }, () => ['tasks.cancel', 'os:alice@host']);
  expect(left).toEqual([['audit.prune', 'leader:l1'], ['audit.prune', 'leader:l1'], ...acts]);
  const pruned = { intact: true, pruned_to: 1500, rows: left.length };
  // An older checkpoint is no alarm.
  expect(await verify(await read())).toMatchObject(pruned);
  // More than the leader deleted.
  await session.write(`DELETE FROM ${log} WHERE id <= 1502`);
  expect(await bad()).toMatchObject({ id: 1, message: expect.stringContaining('Rows 1 to 1502') });
});

const key = { name: 'k', role: 'viewer', device_id: null, lifetimeS: 60 } as const;

it('RB16 an act and its row: twenty writers at once leave one whole chain, and a verification meanwhile sees one moment', async () => {
  const writers = Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const own = testContext(db);
      const same = await withOneSession(own);
      for (let one = 0; one < 10; one += 1) await makeKey(same, key, actor(`writer-${n}`));
      await own.close();
    }),
  );
  for (let n = 0; n < 5; n += 1) expect(await verify()).toMatchObject({ intact: true });
  await writers;
  expect(await verify()).toMatchObject({ intact: true, rows: 200 });
  const times = (await all()).map((row) => row.at);
  expect(times).toEqual([...times].sort());
});

it('RB16 an act and its row: come together or not at all: without a head no key is made, and the error says why', async () => {
  await session.write(`DELETE FROM ${names.auditHead}`);
  await expect(makeKey(context, key, actor())).rejects.toMatchObject({ code: 'E_SCHEMA' });
  expect(await session.rows(`SELECT 1 FROM ${names.apiKey}`)).toEqual([]);
  await newHead();
});

it('RB16 an act and its row: a connection that dies before COMMIT leaves neither', async () => {
  const own = await db.session();
  const act = () => own.write(`INSERT INTO ${names.setting} (name, value) VALUES ('x', '1')`);
  const dying = audited({ session: own, names }, actor(), act, () => {
    // Between the act and its row.
    own.destroy();
    return entry(1);
  });
  await expect(dying).rejects.toMatchObject({ code: 'E_DATABASE' });
  expect(await session.rows(`SELECT 1 FROM ${names.setting} WHERE name = 'x'`)).toEqual([]);
  expect(await all()).toEqual([]);
});

it('the list has pages, and finds what one actor did, to one thing, since a moment', async () => {
  await add(1, 30);
  await add(31, 40, actor('bob@host'));
  const page = await listAudit(context, {}, { limit: 25 });
  expect(page.rows.map((row) => row.id)).toEqual(Array.from({ length: 25 }, (_, n) => 40 - n));
  const rest = await listAudit(context, {}, { limit: 25, cursor: page.cursor! });
  expect([rest.rows.length, rest.rows.at(-1)!.id, rest.cursor]).toEqual([15, 1, null]);
  for (const [search, ids] of [
    [{ actor: 'os:bob@host' }, [40, 39, 38]],
    [{ object_type: 'task', object_id: '7' }, [7]],
    [{ action: 'keys.create' }, []],
    [{ since: { from_now_s: -3600 } }, [40, 39, 38]],
    [{ since: { from_now_s: 3600 } }, []],
  ] as Array<[Parameters<typeof listAudit>[1], number[]]>)
    expect((await listAudit(context, search, { limit: 3 })).rows.map((row) => row.id)).toEqual(ids);
  const { rows } = await listAudit(context, { object_id: '1' }, { limit: 1 });
  expect(rows[0]).toMatchObject({ reason: 'because', source: null, request_id: 'of-a-test', outcome: 'done' });
  expect(rows[0]!.at).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect(await firstSince(session, names, rows[0]!.at)).toBe(1);
});
