// A remote worker renews its certificate when two thirds of its life are over. The key stays, so the two files always fit each other.
import { X509Certificate } from 'node:crypto';
import { certificateAnswer } from '../../http/access/certificate-contract.ts';
import { AfdError } from '../domain/errors.ts';
import type { GatewayClient } from '../remote/gateway-client.ts';
import { readTls } from '../remote/tls-files.ts';
import { Backoff } from '../runtime/backoff.ts';
import { monotonic, wallMilliseconds } from '../runtime/clock.ts';
import { Loop } from '../runtime/loop.ts';
import { deviceOf } from './certificate-device.ts';
import { keepCertificate } from './enroll.ts';

export interface OwnRenewalOptions {
  client: GatewayClient;
  /** Absolute paths. */
  cert: string;
  key: string;
  note(message: string): void;
  warn(message: string): void;
}

const PART = 2 / 3;
/** The longest pause, in milliseconds: somebody else may have replaced the files. */
const LONGEST_PAUSE_MS = 60_000;
/** Another authority renews it: this gateway is asked again after this. */
const ELSEWHERE_MS = 3_600_000;

/** Not started. */
export function ownRenewal({ client, cert: path, key: keyPath, note, warn }: OwnRenewalOptions): Loop {
  const backoff = new Backoff({ initialMs: 1000, maxMs: LONGEST_PAUSE_MS });
  let seen: string | undefined;
  let dueAt = 0;
  let told = '';
  /** The clock of this machine is read once for each certificate: one that is wrong must not make it ask without end. */
  const found = (text: string, restMs: number) => {
    seen = text;
    dueAt = monotonic() + restMs;
  };
  return new Loop({
    intervalMs: () => Math.min(LONGEST_PAUSE_MS, Math.max(0, dueAt - monotonic())),
    async work(signal) {
      const { cert, key } = await readTls({ cert: path, key: keyPath });
      const certificate = new X509Certificate(cert!);
      if (cert !== seen) found(cert!, restOf(certificate));
      if (monotonic() < dueAt) return;
      const device = deviceOf(certificate);
      if (device === undefined) return found(cert!, ELSEWHERE_MS);
      const { newRequest } = await import('./x509.ts');
      const answer = await client.call({
        ...{ method: 'POST', answer: certificateAnswer, repeatable: true, signal },
        path: `devices/${encodeURIComponent(device)}/certificate`,
        body: { csr: await newRequest(key!) },
      });
      await keepCertificate(path, key!, answer.certificate);
      found(answer.certificate, answer.lifetime * 1000 * PART);
      backoff.reset();
      told = '';
      note(`the certificate of this device was renewed: it is valid until ${answer.expires_at}`);
    },
    onError(error) {
      const elsewhere = error instanceof AfdError && error.code === 'E_CONFLICT';
      const message = `the certificate of this device is not renewed: ${(error as Error).message}`;
      if (message !== told && !elsewhere) warn(message);
      told = message;
      return elsewhere ? ELSEWHERE_MS : backoff.next();
    },
  });
}

/** Milliseconds until two thirds of its life are over. */
function restOf({ validFrom, validTo }: X509Certificate): number {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return from + (to - from) * PART - wallMilliseconds();
}
