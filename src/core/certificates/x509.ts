// What Node.js cannot do itself with X.509: make authorities, requests, and the certificates that answer them. Keys are EC P-256.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { BitString, Integer, OctetString, Utf8String } from 'asn1js';
import {
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  CertificationRequest,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
  type RelativeDistinguishedNames,
} from 'pkijs';
import { deviceUri, fingerprintOf } from './certificate-device.ts';

/** The certificate of an authority, and its key. PEM texts. */
export interface SigningKey {
  cert: string;
  key: string;
}

export interface Issued {
  cert: string;
  /** SHA-256 of the certificate, in lower case. */
  fingerprint: string;
  /** Since 1970. */
  endsMs: number;
}

/** What a device asks for. */
export interface ReadRequest {
  request: CertificationRequest;
  /** SHA-256 of its public key. */
  keyHash: Buffer;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const OID = {
  name: '2.5.4.3',
  constraints: '2.5.29.19',
  usage: '2.5.29.15',
  purposes: '2.5.29.37',
  names: '2.5.29.17',
  subjectKey: '2.5.29.14',
  authorityKey: '2.5.29.35',
};
const CLIENT = '1.3.6.1.5.5.7.3.2';
/** Key usage: the first bit is for signatures, the sixth and seventh for certificates and revocation lists. */
const SIGN_DATA = { bits: 0b1000_0000, unused: 7 };
const SIGN_CERTIFICATES = { bits: 0b0000_0110, unused: 1 };
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** A certificate begins a little before it is made, since no two clocks agree: this part of its life, and no longer than this. */
const BEFORE = { part: 0.1, mostMs: 5 * 60_000 };

export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
}

/** An authority that signs itself. `nowMs`: since 1970. */
export async function newAuthority(nowMs: number): Promise<SigningKey> {
  const key = newKey();
  const certificate = begun(nowMs - BEFORE.mostMs, nowMs + AUTHORITY_DAYS * DAY_MS);
  // Two authorities with one name could not be told apart.
  const name = `afd devices ${randomBytes(4).toString('hex')}`;
  for (const one of [certificate.issuer, certificate.subject]) setName(one, name);
  const { publicKey, privateKey } = await imported(key);
  await certificate.subjectPublicKeyInfo.importKey(publicKey);
  certificate.extensions = [
    extension(OID.constraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 }).toSchema().toBER()),
    usage(SIGN_CERTIFICATES),
    subjectKey(certificate),
  ];
  await certificate.sign(privateKey, 'SHA-256');
  return { cert: pem('CERTIFICATE', certificate.toSchema(true).toBER()), key };
}

/** A request for a certificate of this key. */
export async function newRequest(key: string): Promise<string> {
  const request = new CertificationRequest({ version: 0, attributes: [] });
  // The gateway says what the name is.
  setName(request.subject, 'afd device');
  const { publicKey, privateKey } = await imported(key);
  await request.subjectPublicKeyInfo.importKey(publicKey);
  await request.sign(privateKey, 'SHA-256');
  return pem('CERTIFICATE REQUEST', request.toSchema().toBER());
}

/** Undefined = it is none, it is not signed by its own key, or that key is of another kind. */
export async function readRequest(text: string): Promise<ReadRequest | undefined> {
  const body = /^-----BEGIN CERTIFICATE REQUEST-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/.exec(
    text,
  )?.[1];
  if (body === undefined) return undefined;
  try {
    const request = CertificationRequest.fromBER(Buffer.from(body, 'base64'));
    const publicKey = Buffer.from(request.subjectPublicKeyInfo.toSchema().toBER());
    const { asymmetricKeyDetails: kind } = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
    if (kind?.namedCurve !== 'prime256v1' || !(await request.verify())) return undefined;
    return { request, keyHash: createHash('sha256').update(publicKey).digest() };
  } catch {
    return undefined;
  }
}

/** A certificate for a device. It ends with its authority at the latest. `nowMs`: since 1970. */
export async function issue(
  { request }: ReadRequest,
  authority: SigningKey,
  { deviceId, lifetimeS, nowMs }: { deviceId: string; lifetimeS: number; nowMs: number },
): Promise<Issued> {
  const lifeMs = lifetimeS * 1000;
  const by = Certificate.fromBER(new X509Certificate(authority.cert).raw);
  const endsMs = Math.min(nowMs + lifeMs, by.notAfter.value.getTime());
  const certificate = begun(nowMs - Math.min(BEFORE.mostMs, lifeMs * BEFORE.part), endsMs);
  certificate.issuer = by.subject;
  setName(certificate.subject, deviceId);
  certificate.subjectPublicKeyInfo = request.subjectPublicKeyInfo;
  const names = new GeneralNames({ names: [new GeneralName({ type: 6, value: deviceUri(deviceId) })] });
  certificate.extensions = [
    extension(OID.constraints, true, new BasicConstraints({ cA: false }).toSchema().toBER()),
    usage(SIGN_DATA),
    extension(OID.purposes, false, new ExtKeyUsage({ keyPurposes: [CLIENT] }).toSchema().toBER()),
    extension(OID.names, false, names.toSchema().toBER()),
    subjectKey(certificate),
    ...authorityKey(by),
  ];
  await certificate.sign((await imported(authority.key)).privateKey, 'SHA-256');
  const cert = pem('CERTIFICATE', certificate.toSchema(true).toBER());
  return { cert, fingerprint: fingerprintOf(new X509Certificate(cert)), endsMs: Math.floor(endsMs / 1000) * 1000 };
}

function begun(fromMs: number, toMs: number): Certificate {
  const certificate = new Certificate({ version: 2 });
  const serial = randomBytes(16);
  // Positive, and never shorter.
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  certificate.serialNumber = new Integer({ valueHex: Uint8Array.from(serial).buffer });
  certificate.notBefore.value = new Date(fromMs);
  certificate.notAfter.value = new Date(toMs);
  return certificate;
}

function setName(name: RelativeDistinguishedNames, value: string): void {
  name.typesAndValues = [new AttributeTypeAndValue({ type: OID.name, value: new Utf8String({ value }) })];
}

function extension(extnID: string, critical: boolean, extnValue: ArrayBuffer): Extension {
  return new Extension({ extnID, critical, extnValue });
}

/** Names the key of a certificate. */
function subjectKey({ subjectPublicKeyInfo }: Certificate): Extension {
  const hash = createHash('sha256').update(Buffer.from(subjectPublicKeyInfo.toSchema().toBER())).digest();
  const valueHex = Uint8Array.from(hash.subarray(0, 20)).buffer;
  return extension(OID.subjectKey, false, new OctetString({ valueHex }).toBER());
}

/** Names the key with which a certificate is signed, as the authority names it. */
function authorityKey({ extensions = [] }: Certificate): Extension[] {
  const found = extensions.find((one) => one.extnID === OID.subjectKey)?.parsedValue;
  if (!(found instanceof OctetString)) return [];
  const { valueHex } = found.valueBlock;
  const keyIdentifier = new OctetString({ valueHex: Uint8Array.from(new Uint8Array(valueHex)).buffer });
  return [extension(OID.authorityKey, false, new AuthorityKeyIdentifier({ keyIdentifier }).toSchema().toBER())];
}

function usage({ bits, unused }: { bits: number; unused: number }): Extension {
  const text = new BitString({ valueHex: Uint8Array.of(bits).buffer, unusedBits: unused });
  return extension(OID.usage, true, text.toBER());
}

async function imported(key: string) {
  const secret = createPrivateKey(key);
  const [pkcs8, spki] = [
    secret.export({ type: 'pkcs8', format: 'der' }),
    createPublicKey(secret).export({ type: 'spki', format: 'der' }),
  ];
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, ALGORITHM, true, ['verify']),
  };
}

function pem(kind: string, bytes: ArrayBuffer): string {
  const lines = Buffer.from(bytes)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
}
