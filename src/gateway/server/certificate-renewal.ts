// Takes over a renewed certificate without a restart: new connections get it, and those that are open go on.
import type { SecureContextOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../../core/config/load-config.ts';
import { wallMilliseconds } from '../../core/runtime/clock.ts';
import { Loop } from '../../core/runtime/loop.ts';
import { type Certificate, daysLeft, readCertificate, tlsOptions } from './certificate.ts';

export interface RenewalOptions {
  resolved: Pick<ResolvedConfig, 'config' | 'baseDir'>;
  server: { setSecureContext(options: SecureContextOptions): void };
  /** What the server has. */
  current: Certificate;
  /** Called with what the server has from now on. `clients`: devices are judged by other authorities or lists. */
  onChange?(certificate: Certificate, clients: boolean): void;
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
  const { resolved, server, onChange, note, warn, everyMs = EVERY_MS } = options;
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
      if (found !== undefined && !isDeepStrictEqual(found, current)) {
        server.setSecureContext(tlsOptions(found));
        const { clients } = current;
        const own = found.cert !== current.cert || found.key !== current.key;
        current = found;
        onChange?.(found, found.clients?.ca !== clients?.ca || found.clients?.crl !== clients?.crl);
        told = '';
        note(`the gateway uses ${own ? 'a renewed certificate' : 'the new authorities of device certificates'}`);
      }
      const days = daysLeft(current.cert, wallMilliseconds());
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
