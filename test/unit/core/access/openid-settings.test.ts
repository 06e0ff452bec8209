import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openIdSettings } from '../../../../src/core/access/openid-settings.ts';
import { viewConfig } from '../../../../src/core/settings/config-view.ts';
import { DATABASE, folder, load, refusal } from '../config/config-folder.ts';

const CALLBACK = 'https://afd.example/api/v1/session/oidc/callback';
const yaml = (keys: object) => `${DATABASE}server: { auth: keys, oidc: ${JSON.stringify(keys)} }\n`;
const WHOLE = { issuer: 'https://login.example/realms/company', client_id: 'afd', redirect_uri: CALLBACK };
const BY_FILE = { ...WHOLE, client_secret_file: 'secret' };
const settings = async (...args: Parameters<typeof load>) => openIdSettings(await load(...args));

describe('server.oidc', () => {
  it('takes the secret from a file, or from the environment, and shows neither', async () => {
    expect(await settings(DATABASE)).toBeUndefined();
    const found = { clientId: 'afd', redirectUri: CALLBACK, scopes: 'openid profile', nameClaim: 'preferred_username' };
    expect(await settings(yaml(WHOLE))).toMatchObject({ ...found, clientSecret: undefined });
    const files = { secret: 'canary\n' };
    expect(await settings(yaml(BY_FILE), { files })).toMatchObject({ ...found, clientSecret: 'canary' });
    const resolved = await load(yaml(WHOLE), { env: { AFD_SERVER_OIDC_CLIENT_SECRET: 'canary' } });
    expect(await openIdSettings(resolved)).toMatchObject({ ...found, clientSecret: 'canary' });
    const shown = viewConfig(resolved);
    expect(shown.values.find((one) => one.key === 'server.oidc.client_secret')).toMatchObject({ value: '***' });
    expect(JSON.stringify(shown)).not.toContain('canary');
  });

  it.each(['issuer', 'client_id', 'redirect_uri'])('is not whole without %s', async (key) => {
    const end = settings(yaml({ ...WHOLE, [key]: undefined }));
    await expect(end).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining(`oidc.${key}.`) });
  });

  it('is sent over TLS, except on this machine', async () => {
    for (const issuer of ['http://127.0.0.1:8080', 'http://localhost/realm', 'http://[::1]:1'])
      expect((await settings(yaml({ ...WHOLE, issuer })))?.issuer.href).toContain(issuer);
  });

  it.each([
    ['issuer', 'http://login.example'],
    ['issuer', 'http://127.0.0.1.evil.example'],
    ['issuer', 'login.example'],
    ['issuer', 'https://u:p@login.example'],
    ['issuer', 'https://login.example?a'],
    ['redirect_uri', CALLBACK.replace('https', 'http')],
    ['redirect_uri', 'https://afd.example/'],
    ['redirect_uri', `${CALLBACK}?x=1`],
    ['scopes', 'profile'],
  ])('has no %s %s', async (key, value) => {
    expect((await refusal(yaml({ ...WHOLE, [key]: value }))).message).toContain(`server.oidc.${key}`);
  });

  it('reads no secret that everybody can read, that is empty, missing or given twice', async () => {
    const say = async (...args: Parameters<typeof load>) => settings(...args).catch((error: Error) => error.message);
    expect(await say(yaml(BY_FILE), { files: { secret: '\n' } })).toContain('it is empty');
    expect(await say(yaml(BY_FILE))).toContain('ENOENT');
    expect(await say(yaml({ ...BY_FILE, client_secret: 'canary' }))).toContain('keep one of them');
    for (const [name, keys, says] of [
      ['secret', BY_FILE, 'all users can read'],
      ['afd.yaml', { ...WHOLE, client_secret: 'canary' }, 'server.oidc.client_secret is a secret'],
    ] as const) {
      const cwd = folder({ 'afd.yaml': yaml(keys), secret: 'canary' });
      chmodSync(join(cwd, name), 0o644);
      expect(await say(undefined, { cwd })).toContain(says);
    }
  });
});
