// The certificates that devices show when they connect.
import { X509Certificate } from 'node:crypto';
import type { Server } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import {
  CertificateCheck,
  type CheckedCertificate,
  type ShownCertificate,
  shown,
} from '../../core/certificates/certificate-check.ts';
import { fingerprintOf } from '../../core/certificates/certificate-device.ts';
import type { Authority } from '../../core/certificates/issue-certificates.ts';
import { certificateName } from '../../core/certificates/manage-certificates.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import type { ClientAuthority } from '../server/client-authority.ts';

type Shown = ShownCertificate | { refusal: string };

export class ClientCertificates {
  /** A key alone is not enough for a device. */
  readonly required: boolean;
  readonly #check: CertificateCheck;
  /** Of connections that are open. */
  readonly #shown = new Map<TLSSocket, Shown>();
  #signs: Authority | undefined;
  #own: X509Certificate | undefined;

  constructor({ context, requests }: Gateway, clients: ClientAuthority | undefined) {
    this.required = context.config.server.client_certificates === 'required';
    this.#check = new CertificateCheck((work) => requests.use(work));
    this.change(clients, false);
  }

  /** With what this gateway signs; undefined = it does not. */
  get signs(): Authority | undefined {
    return this.#signs;
  }

  attach(server: Server): void {
    server.on('secureConnection', (socket: TLSSocket) => {
      const found = this.#read(socket);
      if (found === undefined) return;
      this.#shown.set(socket, found);
      socket.once('close', () => this.#shown.delete(socket));
    });
  }

  /** `cut`: those who connected before were judged by what does not hold any more, and have to connect again. */
  change(clients: ClientAuthority | undefined, cut: boolean): void {
    this.#signs = clients?.signs;
    this.#own = this.#signs && new X509Certificate(this.#signs.cert);
    if (cut) for (const socket of this.#shown.keys()) socket.destroy();
  }

  /** Undefined = it brought none. @throws DatabaseError */
  async of(request: FastifyRequest): Promise<CheckedCertificate | undefined> {
    const found = this.#shown.get(request.raw.socket as TLSSocket);
    return found === undefined || 'refusal' in found ? found : this.#check.check(found);
  }

  #read(socket: TLSSocket): Shown | undefined {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return undefined;
    if (socket.authorized) return shown(certificate, this.#own);
    const why = socket.authorizationError as unknown as string | undefined;
    return { refusal: `${certificateName(fingerprintOf(certificate))} is not accepted (${why})` };
  }
}
