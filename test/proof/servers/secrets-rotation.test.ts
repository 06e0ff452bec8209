// RB8: a rotation that is killed goes on when it is run again, and at no time is a secret unreadable.

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { writeSecret } from '../../../src/core/db/secrets/write-secret.ts';
import { signingRows } from '../../../src/core/db/webhooks/signing-rows.ts';
import { seal } from '../../../src/core/secrets/envelope.ts';
import { findSecrets } from '../../../src/core/secrets/find-secrets.ts';
import { newKey, parseKeys } from '../../../src/core/secrets/fleet-key.ts';
import { Keyring } from '../../../src/core/secrets/keyring.ts';
import { setSecret } from '../../../src/core/secrets/manage-secrets.ts';
import { openSigning, signingKeyId } from '../../../src/core/secrets/signing-secret.ts';
import { addWebhook, MOST_WEBHOOKS } from '../../../src/core/webhooks/manage-webhooks.ts';
import { actor } from '../../helpers/actor.ts';
import { runProcess, spawnCommand } from '../../helpers/command.ts';
import { it } from '../../helpers/fixture.ts';
import { MINUTES } from '../../helpers/fleet-process.ts';
import { testContext } from '../../helpers/node.ts';
import { keyFile } from '../../helpers/secrets.ts';
import { until } from '../../helpers/wait.ts';
import { folder } from '../../unit/core/config/config-folder.ts';

const KILLS = 20;
const SECRETS = 2000;
/** Of each rotation that is killed. */
const STEPS = 30;

it('RB8 a rotation of the key is killed twenty times, resumes, and leaves every secret readable', {
  timeout: MINUTES,
}, async ({ db, session }) => {
  const { secrets, key_id: old } = keyFile();
  const context = testContext(db, { secrets });
  const values = new Map(Array.from({ length: SECRETS }, (_, n) => [`account/${n}`, `canary-${n}-canary`]));
  const [first] = parseKeys(readFileSync(secrets.key_file, 'utf8'));
  for (const [name, value] of values)
    await writeSecret(session, db.names, { name, version: 1, ...seal(first!, { name, version: 1 }, value) }, 'test');
  await session.write(
    `INSERT INTO ${db.names.secretGrant} SELECT name, 'sync', '*', UTC_TIMESTAMP(3), 'test' FROM ${db.names.secret}`,
  );
  const second = newKey();
  writeFileSync(secrets.key_file, `${second.line}\n${readFileSync(secrets.key_file, 'utf8')}`);
  const cwd = folder({ 'afd.yaml': JSON.stringify({ secrets }) });
  const env = { AFD_DATABASE_URL: db.url };

  const use = { task_type: 'sync', device_id: 'w1' };
  const unreadable = async () => {
    const wanted = [...values.keys()];
    const found = await findSecrets(session, db.names, Keyring.of(context.resolved), { wanted, use });
    return found.filter((one) => !('value' in one) || one.value !== values.get(one.name));
  };
  const left = async () => {
    const sql = `SELECT COUNT(*) AS n FROM ${db.names.secret} WHERE key_id <> ?`;
    return Number((await session.rows(sql, [second.id]))[0]!.n);
  };

  const seen = new Set<number>();
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const before = await left();
    const rotation = spawnCommand(['secrets', 'rotate'], { cwd, env });
    const ended = once(rotation, 'exit');
    await until(async () => before - (await left()) >= STEPS, undefined, `${STEPS} steps of rotation ${kill}`);
    rotation.kill('SIGKILL');
    expect(await ended).toEqual([null, 'SIGKILL']);
    seen.add(await left());
    expect(await unreadable()).toEqual([]);
    // What is set meanwhile, by whoever has which key, is not overwritten.
    const name = `account/${SECRETS - kill}`;
    values.set(name, `canary-set-${kill}`);
    await setSecret(context, { name, value: async () => `canary-set-${kill}`, by: actor() });
  }
  expect(seen.size).toBe(KILLS);

  const rest = await left();
  expect(rest).toBeGreaterThan(0);
  const { code, stdout } = await runProcess(['secrets', 'rotate', '--json'], { cwd, env });
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    { key_id: second.id, rotated: rest, webhooks: 0, unused_key_ids: [old] },
  ]);
  writeFileSync(secrets.key_file, `${second.line}\n`);
  expect(await unreadable()).toEqual([]);
  await context.close();
});

it('RB8 a rotation is killed among the signing secrets of webhooks, resumes, and each signs at all times', {
  timeout: MINUTES,
}, async ({ db, session }) => {
  const { secrets } = keyFile();
  const [context, without] = [testContext(db, { secrets }), testContext(db)];
  const values = new Map<number, string>();
  for (let n = 0; n < MOST_WEBHOOKS; n += 1) {
    const all = {
      url: 'https://example.org/',
      description: null,
      event_types: ['task.done' as const],
      task_types: null,
    };
    const by = n % 2 === 0 ? context : without;
    const { webhook, secret } = await addWebhook(by, { ...all, secret: undefined }, actor());
    values.set(webhook.id, secret);
  }
  const second = newKey();
  writeFileSync(secrets.key_file, `${second.line}\n${readFileSync(secrets.key_file, 'utf8')}`);
  const cwd = folder({ 'afd.yaml': JSON.stringify({ secrets }) });
  const env = { AFD_DATABASE_URL: db.url };
  const unreadable = async () => {
    const keyring = Keyring.of(context.resolved);
    const opened = await Promise.all(
      (await signingRows(session, db.names)).map(async (row) => ({
        row,
        ...(await openSigning(keyring, row, row.secret)),
      })),
    );
    return opened.filter((one) => !('secret' in one) || one.secret !== values.get(one.row.id));
  };
  const left = async () =>
    (await signingRows(session, db.names)).filter(({ secret }) => signingKeyId(secret) !== second.id).length;

  let kills = 0;
  for (; kills < 5; kills += 1) {
    const before = await left();
    const rotation = spawnCommand(['secrets', 'rotate'], { cwd, env });
    const ended = once(rotation, 'exit');
    await until(async () => before - (await left()) >= 3, undefined, `3 webhooks of rotation ${kills}`);
    rotation.kill('SIGKILL');
    await ended;
    expect(await unreadable()).toEqual([]);
    if ((await left()) < 20) break;
  }
  expect(kills).toBeGreaterThan(0);
  const rest = await left();
  const { code, stdout } = await runProcess(['secrets', 'rotate', '--json'], { cwd, env });
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { key_id: second.id, rotated: 0, webhooks: rest }]);
  writeFileSync(secrets.key_file, `${second.line}\n`);
  expect(await unreadable()).toEqual([]);
  await context.close();
  await without.close();
});
