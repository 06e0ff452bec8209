// Which check of a server's certificate failed, and what to write. The driver gives all of them one code, so the first code
// is kept before (driver.ts).

export interface TlsError {
  message?: string;
  code?: string;
  /** Of Node's TLS or of OpenSSL. */
  tlsCode?: string | undefined;
}

const AUTHORITY =
  'its certificate is not signed by an authority that this machine trusts. Set database.tls_ca: FILE to the certificate of its authority (a MySQL server keeps its own as ca.pem in its data directory)';

const CHECKS: Record<string, string> = {
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate is for another name. Set database.host to a name in the certificate, or database.tls: verify-ca to check the authority only',
  CERT_HAS_EXPIRED:
    'its certificate has expired. Renew it on the server; until then nobody can tell the server from another',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet. Check the clocks of this machine and of the one that made it',
  DEPTH_ZERO_SELF_SIGNED_CERT: AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: AUTHORITY,
  CERT_SIGNATURE_FAILURE: AUTHORITY,
  CERT_REVOKED: 'its certificate is revoked. Replace it on the server',
};
const NO_TLS =
  'the server offers no TLS, and nothing was sent in clear. Give the server a certificate (ssl_cert, ssl_key), or set database.tls: disable on a network that nobody else can reach';

/** A clause that follows "cannot be reached: "; undefined = the error is about something else. */
export function tlsProblem({ code, tlsCode, message = '' }: TlsError): string | undefined {
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') return NO_TLS;
  if (code !== 'HANDSHAKE_SSL_ERROR') return undefined;
  const check = tlsCode?.startsWith('SELF_SIGNED_CERT') === true ? AUTHORITY : CHECKS[tlsCode ?? ''];
  return check === undefined ? `TLS failed: ${message}` : `${check} (${message})`;
}
