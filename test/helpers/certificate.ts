import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  key: string;
  cert: string;
}

/** A new key, and a certificate for it that signs itself. `names`: `DNS:localhost`, `IP:127.0.0.1`. */
export function certificateFor(names: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'afd-certificate-'));
  try {
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=afd test', '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert],
      ],
      { stdio: 'pipe' },
    );
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
  const root = inFolder((folder) => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', '/CN=afd test authority', '-keyout', key, '-out', cert);
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  });
  return {
    cert: root.cert,
    sign: (names, days = 2, subject = '/CN=afd test') =>
      inFolder((folder) => {
        const path = (name: string) => join(folder, name);
        writeFileSync(path('root-key.pem'), root.key);
        writeFileSync(path('root.pem'), root.cert);
        writeFileSync(path('names'), `subjectAltName=${names}\n`);
        openssl('req', '-new', ...NEW_KEY, '-subj', subject, '-keyout', path('key.pem'), '-out', path('request'));
        const by = ['-CA', path('root.pem'), '-CAkey', path('root-key.pem'), '-set_serial', String(Date.now())];
        const what = [
          '-in',
          path('request'),
          '-extfile',
          path('names'),
          '-days',
          String(days),
          '-out',
          path('cert.pem'),
        ];
        openssl('x509', '-req', ...by, ...what);
        return { key: readFileSync(path('key.pem'), 'utf8'), cert: readFileSync(path('cert.pem'), 'utf8') };
      }),
    revoke: (...certs) =>
      inFolder((folder) => {
        const path = (name: string) => join(folder, name);
        writeFileSync(path('root-key.pem'), root.key);
        writeFileSync(path('root.pem'), root.cert);
        writeFileSync(path('index'), '');
        writeFileSync(path('number'), '01');
        const lines = ['[ca]', 'default_ca=it', '[it]', `database=${path('index')}`, `crlnumber=${path('number')}`];
        writeFileSync(path('ca.conf'), [...lines, 'default_md=sha256', 'default_crl_days=1'].join('\n'));
        const by = ['-config', path('ca.conf'), '-cert', path('root.pem'), '-keyfile', path('root-key.pem')];
        for (const one of certs) {
          writeFileSync(path('one.pem'), one);
          openssl('ca', ...by, '-revoke', path('one.pem'));
        }
        openssl('ca', ...by, '-gencrl', '-out', path('crl.pem'));
        return readFileSync(path('crl.pem'), 'utf8');
      }),
  };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'afd-certificate-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
