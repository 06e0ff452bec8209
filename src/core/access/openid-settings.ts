// What `server.oidc` says, as one thing: complete, with the secret of the client.
import { resolve } from 'node:path';
import { trustOfSecret } from '../config/file-trust.ts';
import type { ResolvedConfig } from '../config/load-config.ts';
import { readSmallFile } from '../config/small-file.ts';
import { AfdError } from '../domain/errors.ts';

export interface OpenIdSettings {
  issuer: URL;
  clientId: string;
  /** Undefined = a public client. */
  clientSecret: string | undefined;
  redirectUri: string;
  scopes: string;
  nameClaim: string;
}

type Given = Pick<ResolvedConfig, 'config' | 'baseDir' | 'uid'>;

const NEEDED = ['issuer', 'client_id', 'redirect_uri'] as const;

/** Undefined = none is configured. @throws AfdError E_CONFIG: it is not complete, or its secret cannot be read */
export async function openIdSettings({ config, baseDir, uid }: Given): Promise<OpenIdSettings | undefined> {
  const { oidc } = config.server;
  const { issuer, client_id, client_secret, client_secret_file, redirect_uri } = oidc;
  const given = [...NEEDED.map((key) => oidc[key]), client_secret, client_secret_file];
  if (given.every((one) => one === undefined)) return undefined;
  const missing = NEEDED.filter((key) => oidc[key] === undefined).map((key) => `server.oidc.${key}`);
  if (issuer === undefined || client_id === undefined || redirect_uri === undefined)
    throw refused(missing[0]!, `Sign-in by OpenID Connect also needs ${missing.join(' and ')}.`);
  if (client_secret !== undefined && client_secret_file !== undefined)
    throw refused(
      'server.oidc.client_secret_file',
      'server.oidc.client_secret_file is set together with server.oidc.client_secret: keep one of them.',
    );
  const clientSecret =
    client_secret_file === undefined ? client_secret : await secretOf(resolve(baseDir, client_secret_file), uid);
  return {
    ...{ issuer: new URL(issuer), clientId: client_id, clientSecret, redirectUri: redirect_uri },
    ...{ scopes: oidc.scopes, nameClaim: oidc.name_claim },
  };
}

async function secretOf(path: string, uid: number | undefined): Promise<string> {
  const key = 'server.oidc.client_secret_file';
  try {
    const { text, facts } = await readSmallFile(path);
    const { refusal } = trustOfSecret(path, facts, uid);
    if (refusal !== undefined) throw new Error(refusal);
    const secret = text.trim();
    if (secret === '') throw new Error('it is empty');
    return secret;
  } catch (error) {
    throw refused(key, `The secret of the OpenID client cannot be read (${key}): ${(error as Error).message}.`, error);
  }
}

function refused(key: string, message: string, cause?: unknown): AfdError {
  return new AfdError('E_CONFIG', message, { suggestions: ['afd config show'], data: { key }, cause });
}
