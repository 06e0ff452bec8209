import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openIdSettings } from '../../../../src/core/access/openid-settings.ts';
import { viewConfig } from '../../../../src/core/settings/config-view.ts';
import { DATABASE, folder, load, refusal } from '../config/config-folder.ts';

const CALLBACK = 'https://afd.example/api/v1/session/oidc/callback';
const yaml = (keys: object) => `${DATABASE}server: { auth: keys, oidc: ${JSON.stringify(keys)} }\n`;
const WHOLE = { issuer: 'https://login.example/realms/company', client_id: 'afd', redirect_uri: CALLBACK };
const settings = async (...args: Parameters<typeof load>) => openIdSettings(await load(...args));

describe('server.oidc', () => {
  it('is nothing where nothing is said', async () => {
    expect(await settings(DATABASE)).toBeUndefined();
  });

  it('takes the secret from a file, or from the environment, and shows neither', async () => {
    const found = { clientId: 'afd', redirectUri: CALLBACK, scopes: 'openid profile', nameClaim: 'preferred_username' };
    expect(await settings(yaml(WHOLE))).toMatchObject({ ...found, clientSecret: undefined });
    const files = { secret: 'canary\n' };
    const fromFile = await settings(yaml({ ...WHOLE, client_secret_file: 'secret' }), { files });
    expect(fromFile).toMatchObject({ ...found, clientSecret: 'canary' });
    const resolved = await load(yaml(WHOLE), { env: { AFD_SERVER_OIDC_CLIENT_SECRET: 'canary' } });
    expect(await openIdSettings(resolved)).toMatchObject({ ...found, clientSecret: 'canary' });
    const shown = viewConfig(resolved);
    expect(shown.values.find((one) => one.key === 'server.oidc.client_secret')).toMatchObject({ value: '***' });
    expect(JSON.stringify(shown)).not.toContain('canary');
  });

  it('is whole', async () => {
    for (const key of ['issuer', 'client_id', 'redirect_uri']) {
      const end = settings(yaml({ ...WHOLE, [key]: undefined }));
      await expect(end).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining(`oidc.${key}.`) });
    }
    await expect(settings(yaml({ client_secret: 'canary' }))).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('is sent over TLS, except on this machine', async () => {
    for (const issuer of ['http://127.0.0.1:8080', 'http://localhost/realm', 'http://[::1]:1'])
      expect((await settings(yaml({ ...WHOLE, issuer })))?.issuer.href).toContain(issuer);
    const wrong = ['http://login.example', 'http://127.0.0.1.evil.example', 'ftp://127.0.0.1', 'login.example'];
    for (const issuer of [...wrong, 'https://u:p@login.example', 'https://login.example?a', 'javascript:alert(1)'])
      expect((await refusal(yaml({ ...WHOLE, issuer }))).message).toContain('server.oidc.issuer');
    for (const redirect_uri of [CALLBACK.replace('https', 'http'), 'https://afd.example/', `${CALLBACK}?x=1`])
      expect((await refusal(yaml({ ...WHOLE, redirect_uri }))).message).toContain('server.oidc.redirect_uri');
    expect((await refusal(yaml({ ...WHOLE, scopes: 'profile' }))).message).toContain('must contain openid');
  });

  it('reads no secret that everybody can read, that is empty, missing or given twice', async () => {
    const cwd = folder({ 'afd.yaml': yaml({ ...WHOLE, client_secret_file: 'secret' }), secret: 'canary' });
    chmodSync(join(cwd, 'secret'), 0o644);
    const say = async (...args: Parameters<typeof load>) => settings(...args).catch((error: Error) => error.message);
    expect(await say(undefined, { cwd })).toContain('all users can read');
    const keys = { ...WHOLE, client_secret_file: 'secret' };
    expect(await say(yaml(keys), { files: { secret: '\n' } })).toContain('it is empty');
    expect(await say(yaml(keys))).toContain('ENOENT');
    expect(await say(yaml({ ...keys, client_secret: 'canary' }))).toContain('keep one of them');
    const open = folder({ 'afd.yaml': yaml({ ...WHOLE, client_secret: 'canary' }) });
    chmodSync(join(open, 'afd.yaml'), 0o644);
    const { message } = await refusal(undefined, { cwd: open });
    expect(message).toContain('server.oidc.client_secret is a secret');
    expect(message).not.toContain('canary');
  });
});
