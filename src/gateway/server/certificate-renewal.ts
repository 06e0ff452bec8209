// Takes over a renewed certificate without a restart: new connections get it, and those that are open go on.
import type { SecureContextOptions } from 'node:tls';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { wallMilliseconds } from '../../core/runtime/clock.ts';
import { Loop } from '../../core/runtime/loop.ts';
import { type Certificate, daysLeft, OLDEST_TLS, readCertificate } from './certificate.ts';

export interface RenewalOptions {
  resolved: Pick<ResolvedConfig, 'config' | 'baseDir'>;
  server: { setSecureContext(options: SecureContextOptions): void };
  /** What the server has. */
  current: Certificate;
  note(message: string): void;
  warn(message: string): void;
  /** Milliseconds between two checks of the files. */
  everyMs?: number;
}

const EVERY_MS = 10_000;
/** Days before its end from which on a certificate is told of, once a day. */
const SOON = 7;

/** Not started. Files that do not fit each other, as in the middle of a renewal, leave the server as it is. */
export function certificateRenewal(options: RenewalOptions): Loop {
  const { resolved, server, note, warn, everyMs = EVERY_MS } = options;
  let { current } = options;
  let told = '';
  const tell = (message: string) => {
    if (message !== told) warn(message);
    told = message;
  };
  return new Loop({
    intervalMs: everyMs,
    async work() {
      const found = await readCertificate(resolved);
      if (found !== undefined && (found.cert !== current.cert || found.key !== current.key)) {
        server.setSecureContext({ ...found, minVersion: OLDEST_TLS });
        current = found;
        told = '';
        note('the gateway uses a renewed certificate');
      }
      const days = daysLeft(current, wallMilliseconds());
      if (days < SOON)
        tell(
          `the certificate of the gateway ${days < 0 ? 'has expired' : `expires in ${days} days`}: renew ${resolved.config.server.tls_cert}`,
        );
    },
    onError: (error) => {
      tell(`the gateway keeps its certificate: ${(error as Error).message}`);
      return undefined;
    },
  });
}
