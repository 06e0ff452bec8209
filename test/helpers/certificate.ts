import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  key: string;
  cert: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** A new key, and a certificate for it that signs itself. `names`: `DNS:localhost`, `IP:127.0.0.1`. */
export function certificateFor(names: string): Certificate {
  return selfSigned('-subj', '/CN=afd test', '-addext', `subjectAltName=${names}`);
}

function selfSigned(...more: string[]): Certificate {
  return inFolder(({ path, read }) => {
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', ...more, '-keyout', path('key.pem'), '-out', path('cert.pem'));
    return { key: read('key.pem'), cert: read('cert.pem') };
  });
}

export interface Authority {
  cert: string;
  /** `days`: -1 = it expired yesterday. `subject`: in place of that of the tests. */
  sign(names: string, days?: number, subject?: string): Certificate;
  /** A revocation list with these certificates. */
  revoke(...certs: string[]): string;
}

/** An authority of its own, which signs certificates for servers and clients. */
export function authority(): Authority {
  const root = selfSigned('-subj', '/CN=afd test authority');
  return {
    cert: root.cert,
    sign: (names, days = 2, subject = '/CN=afd test') =>
      inFolder(({ path, read, write }) => {
        const by = ['-CA', write('root.pem', root.cert), '-CAkey', write('root-key.pem', root.key)];
        const extensions = write('names', `subjectAltName=${names}\n`);
        openssl('req', '-new', ...NEW_KEY, '-subj', subject, '-keyout', path('key.pem'), '-out', path('request'));
        const what = ['-in', path('request'), '-extfile', extensions, '-days', String(days), '-out', path('cert.pem')];
        openssl('x509', '-req', ...by, '-set_serial', String(Date.now()), ...what);
        return { key: read('key.pem'), cert: read('cert.pem') };
      }),
    revoke: (...certs) =>
      inFolder(({ path, read, write }) => {
        const files = [`database=${write('index', '')}`, `crlnumber=${write('number', '01')}`];
        const lines = ['[ca]', 'default_ca=it', '[it]', ...files, 'default_md=sha256', 'default_crl_days=1'];
        const signer = ['-cert', write('root.pem', root.cert), '-keyfile', write('root-key.pem', root.key)];
        const by = ['-config', write('ca.conf', lines.join('\n')), ...signer];
        for (const one of certs) openssl('ca', ...by, '-revoke', write('one.pem', one));
        openssl('ca', ...by, '-gencrl', '-out', path('crl.pem'));
        return read('crl.pem');
      }),
  };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

/** `write` returns the path. */
interface Folder {
  path(name: string): string;
  read(name: string): string;
  write(name: string, text: string): string;
}

function inFolder<T>(work: (folder: Folder) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'afd-certificate-'));
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string) => {
    writeFileSync(path(name), text);
    return path(name);
  };
  try {
    return work({ path, write, read: (name) => readFileSync(path(name), 'utf8') });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
