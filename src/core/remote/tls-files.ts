// What a remote worker shows to gateways, and whom it believes, from files that are renewed while it runs.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readSmallFile } from '../config/small-file.ts';
import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';

/** Absolute paths. */
export interface TlsPaths {
  cert?: string | undefined;
  key?: string | undefined;
  ca?: string | undefined;
}

/** PEM texts. */
export interface TlsTexts {
  cert?: string;
  key?: string;
  ca?: string;
}

/** How often the files are read, in milliseconds. */
const READ_MS = 1000;
const NOT_ITS_OWNER = 0o077;

export class TlsFiles {
  readonly #paths: TlsPaths;
  #readAt = Number.NEGATIVE_INFINITY;
  #texts: TlsTexts | undefined;

  constructor(paths: TlsPaths) {
    this.#paths = paths;
  }

  /** The same object for as long as nothing changes. `now`: they are read in any case. Files that cannot be used change nothing. @throws AfdError E_CONFIG at first */
  async texts(now = false): Promise<TlsTexts> {
    const before = this.#texts;
    if (!now && before !== undefined && monotonic() - this.#readAt < READ_MS) return before;
    this.#readAt = monotonic();
    try {
      const found = await readTls(this.#paths);
      if (found.cert !== before?.cert || found.key !== before?.key || found.ca !== before?.ca) this.#texts = found;
    } catch (error) {
      if (before === undefined) throw error;
    }
    return this.#texts!;
  }
}

/** @throws AfdError E_CONFIG when they cannot be used */
export async function readTls({ cert, key, ca }: TlsPaths): Promise<TlsTexts> {
  if ((cert === undefined) !== (key === undefined)) {
    const [there, missing] = cert === undefined ? ['tls_key', 'tls_cert'] : ['tls_cert', 'tls_key'];
    throw refused(
      `worker.${missing}`,
      `worker.${there} is set, and worker.${missing} is not: a certificate needs both.`,
    );
  }
  const texts = {
    ...(cert === undefined ? {} : { cert: await read('worker.tls_cert', cert) }),
    ...(key === undefined ? {} : { key: await read('worker.tls_key', key, NOT_ITS_OWNER) }),
    ...(ca === undefined ? {} : { ca: await read('worker.tls_ca', ca) }),
  };
  try {
    createSecureContext(texts);
    if (texts.ca !== undefined) new X509Certificate(texts.ca);
    if (texts.cert !== undefined && !new X509Certificate(texts.cert).checkPrivateKey(createPrivateKey(texts.key!)))
      throw new Error('the key is not that of the certificate');
  } catch (error) {
    const files = [cert, key, ca].filter((one) => one !== undefined).join(', ');
    throw refused('worker.tls_cert', `TLS cannot be used with ${files}: ${(error as Error).message}.`, error);
  }
  return texts;
}

async function read(name: string, path: string, forbidden = 0): Promise<string> {
  const { text, facts } = await readSmallFile(path).catch((error: NodeJS.ErrnoException) => {
    const suggestions = error.code === 'ENOENT' && name !== 'worker.tls_ca' ? ['afd devices enroll --help'] : undefined;
    throw refused(name, `${path} (${name}) cannot be read: ${error.message}.`, error, suggestions);
  });
  if (!facts.isFile() || (facts.mode & forbidden) === 0) return text;
  throw refused(name, `${path} (${name}) can be read or changed by others: run chmod 600 ${path}.`);
}

function refused(key: string, message: string, cause?: unknown, suggestions = ['afd config show']): AfdError {
  return new AfdError('E_CONFIG', message, { suggestions, data: { key }, cause });
}
