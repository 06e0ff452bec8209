import type { ResolvedConfig } from '../config/load-config.ts';
import { KnownSecrets } from '../domain/redaction/known-secrets.ts';
import { ownSecrets } from '../domain/redaction/own-secrets.ts';

/** The secrets of a configuration: of this process, and of the handlers that it may start. */
export function knownSecrets({
  config,
  database,
  replica,
}: Pick<ResolvedConfig, 'config' | 'database' | 'replica'>): KnownSecrets {
  return new KnownSecrets(
    ownSecrets({
      handlers: config.handlers,
      others: [database?.password, replica?.password, config.master.api_key, config.server.oidc.client_secret],
    }),
  );
}
