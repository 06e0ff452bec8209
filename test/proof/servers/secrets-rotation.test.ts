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

/** A new key before the old one in the file; `left`: how many secrets are still of the old one. */
function rotating(key_file: string, url: string, left: (key: string) => Promise<number>) {
  const { id, line } = newKey();
  writeFileSync(key_file, `${line}\n${readFileSync(key_file, 'utf8')}`);
  const options = {
    cwd: folder({ 'afd.yaml': JSON.stringify({ secrets: { key_file } }) }),
    env: { AFD_DATABASE_URL: url },
  };
  return {
    id,
    left: () => left(id),
    /** Kills a rotation after so many steps. */
    async kill(steps: number) {
      const before = await left(id);
      const child = spawnCommand(['secrets', 'rotate'], options);
      const ended = once(child, 'exit');
      await until(async () => before - (await left(id)) >= steps, undefined, `${steps} steps of a rotation`);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
    },
    /** To its end, after which nobody needs the old key. */
    async finish() {
      const { code, stdout } = await runProcess(['secrets', 'rotate', '--json'], options);
      expect(code).toBe(0);
      writeFileSync(key_file, `${line}\n`);
      return JSON.parse(stdout);
    },
  };
}

it('RB8 a rotation of the key is killed twenty times, resumes, and leaves every secret readable', {
  timeout: MINUTES,
}, async ({ db, session }) => {
  const { secrets, key_id: old } = keyFile();
  const context = testContext(db, { secrets });
  const values = new Map(Array.from({ length: SECRETS }, (_, n) => [`account/${n}`, `canary-${n}-canary`]));
  const [first] = parseKeys(readFileSync(secrets.key_file, 'utf8'));
  for (const [name, value] of values)
    await writeSecret(session, db.names, { name, version: 1, ...seal(first!, { name, version: 1 }, value) }, 'test');
  const { secret, secretGrant } = db.names;
  await session.write(`INSERT INTO ${secretGrant} SELECT name, 'sync', '*', UTC_TIMESTAMP(3), 'test' FROM ${secret}`);
  const unreadable = async () => {
    const wanted = { wanted: [...values.keys()], use: { task_type: 'sync', device_id: 'w1' } };
    const found = await findSecrets(session, db.names, Keyring.of(context.resolved), wanted);
    return found.filter((one) => !('value' in one) || one.value !== values.get(one.name));
  };
  const rotation = rotating(secrets.key_file, db.url, async (key) =>
    Number((await session.rows(`SELECT COUNT(*) AS n FROM ${secret} WHERE key_id <> ?`, [key]))[0]!.n),
  );
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await rotation.kill(30);
    expect(await unreadable()).toEqual([]);
    // What is set meanwhile, by whoever has which key, is not overwritten.
    const name = `account/${SECRETS - kill}`;
    values.set(name, `canary-set-${kill}`);
    await setSecret(context, { name, value: async () => `canary-set-${kill}`, by: actor() });
  }
  const rotated = await rotation.left();
  expect(rotated).toBeGreaterThan(0);
  expect(await rotation.finish()).toEqual({ key_id: rotation.id, rotated, webhooks: 0, unused_key_ids: [old] });
  expect(await unreadable()).toEqual([]);
  await context.close();
});

it('RB8 a rotation is killed among the signing secrets of webhooks, resumes, and each signs at all times', {
  timeout: MINUTES,
}, async ({ db, session }) => {
  const { secrets } = keyFile();
  const [context, without] = [testContext(db, { secrets }), testContext(db)];
  const values = new Map<number, string>();
  const hook = {
    url: 'https://example.org/',
    description: null,
    event_types: ['task.done' as const],
    task_types: null,
  };
  for (let n = 0; n < MOST_WEBHOOKS; n += 1) {
    const by = n % 2 === 0 ? context : without;
    const { webhook, secret } = await addWebhook(by, { ...hook, secret: undefined }, actor());
    values.set(webhook.id, secret);
  }
  const unreadable = async () => {
    const keyring = Keyring.of(context.resolved);
    const wrong: number[] = [];
    for (const row of await signingRows(session, db.names)) {
      const opened = await openSigning(keyring, row, row.secret);
      if (!('secret' in opened) || opened.secret !== values.get(row.id)) wrong.push(row.id);
    }
    return wrong;
  };
  const rotation = rotating(
    secrets.key_file,
    db.url,
    async (key) => (await signingRows(session, db.names)).filter(({ secret }) => signingKeyId(secret) !== key).length,
  );
  for (let kills = 0; kills < 5 && (await rotation.left()) >= 20; kills += 1) {
    await rotation.kill(3);
    expect(await unreadable()).toEqual([]);
  }
  const webhooks = await rotation.left();
  expect(webhooks).toBeLessThan(MOST_WEBHOOKS);
  expect(await rotation.finish()).toMatchObject({ key_id: rotation.id, rotated: 0, webhooks });
  expect(await unreadable()).toEqual([]);
  await Promise.all([context.close(), without.close()]);
});
