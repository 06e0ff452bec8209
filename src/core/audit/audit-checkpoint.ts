// The newest row of the audit log, signed: a line of text that leaves the database, and with which it can be shown later that nothing up
// to that row was written anew, or cut off.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { trustOfSecret } from '../config/file-trust.ts';
import { readSmallFile } from '../config/small-file.ts';
import type { Context } from '../context/context.ts';
import { auditEnds, auditRows } from '../db/audit/read-audit.ts';
import { databaseNowMs } from '../db/rows.ts';
import { rowHash } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';

const HELP = ['afd audit checkpoint --help'];
const VERSION = 1;

const line = z.strictObject({
  audit_checkpoint: z.literal(VERSION),
  id: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.iso.datetime(),
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
  signature: z.base64(),
});

/** As it is written: one line of JSON. */
export type AuditCheckpoint = z.output<typeof line>;

/**
 * Of the newest row. `keyFile`: an Ed25519 key in PEM, which no other user can read.
 * @throws AfdError E_CONFIG for the key; E_NOT_FOUND: the log is empty; E_CONFLICT: the newest row does not hold; DatabaseError
 */
export async function makeCheckpoint(
  context: Context,
  keyFile: string,
  uid: number | undefined,
): Promise<AuditCheckpoint> {
  const key = await readKey(keyFile, (text) => createPrivateKey(text), uid);
  const session = await context.session();
  const { head, last } = await auditEnds(session, context.names);
  if (last === null) throw new AfdError('E_NOT_FOUND', 'The audit log is empty.', { suggestions: ['afd audit ls'] });
  const [row] = await auditRows(session, context.names, last, 1);
  if (row === undefined || head?.id !== last || !head.hash.equals(row.hash) || !rowHash(row).equals(row.hash)) {
    const message = `Row ${last} of the audit log does not hold, so it is not signed.`;
    throw new AfdError('E_CONFLICT', message, { suggestions: ['afd audit verify'] });
  }
  const at = new Date(await databaseNowMs(session)).toISOString();
  const facts = { id: row.id, hash: row.hash.toString('hex'), at };
  const signature = sign(null, signed(facts), key).toString('base64');
  return { audit_checkpoint: VERSION, ...facts, key_id: keyId(createPublicKey(key)), signature };
}

/** Of a file with a checkpoint in each line. @throws AfdError E_CONFIG: the key; E_USAGE: a line is none, or not of this key */
export async function readCheckpoints(file: string, publicKeyFile: string): Promise<AuditCheckpoint[]> {
  const key = await readKey(publicKeyFile, (text) => createPublicKey(text));
  const text = await readText(file, 'E_USAGE');
  const lines = text.split('\n').flatMap((one, n) => (one.trim() === '' ? [] : [{ one, n: n + 1 }]));
  if (lines.length === 0) throw new AfdError('E_USAGE', `${file} has no checkpoint.`, { suggestions: HELP });
  return lines.map(({ one, n }) => {
    const read = line.safeParse(parsed(one));
    if (!read.success) throw bad(file, n, 'is not a checkpoint of the audit log');
    const { data } = read;
    if (data.key_id !== keyId(key)) throw bad(file, n, `is signed with another key (${data.key_id})`);
    if (!verify(null, signed(data), key, Buffer.from(data.signature, 'base64')))
      throw bad(file, n, 'was changed after it was signed');
    return data;
  });
}

function signed({ id, hash, at }: Pick<AuditCheckpoint, 'id' | 'hash' | 'at'>): Buffer {
  return Buffer.from(`afd audit checkpoint ${VERSION}\n${id}\n${hash}\n${at}\n`);
}

/** Names a key; no secret. */
function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

async function readKey(file: string, read: (text: string) => KeyObject, uid?: number): Promise<KeyObject> {
  const problem = (why: string) =>
    new AfdError('E_CONFIG', `The key file ${file} cannot be used: ${why}.`, { suggestions: HELP });
  const text = await readText(file, 'E_CONFIG', uid);
  let key: KeyObject;
  try {
    key = read(text);
  } catch {
    // What the library says may repeat what is in the file.
    throw problem('it has no key in PEM');
  }
  if (key.asymmetricKeyType !== 'ed25519') throw problem(`its key is ${key.asymmetricKeyType}, not Ed25519`);
  return key;
}

async function readText(file: string, code: 'E_CONFIG' | 'E_USAGE', uid?: number): Promise<string> {
  const { text, facts } = await readSmallFile(file).catch((error: Error) => {
    throw new AfdError(code, `${file} cannot be read: ${error.message}.`, { cause: error, suggestions: HELP });
  });
  const { refusal } = uid === undefined ? {} : trustOfSecret(file, facts, uid);
  if (refusal === undefined) return text;
  throw new AfdError(code, `The key file ${file} cannot be used: ${refusal}.`, { suggestions: HELP });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bad(file: string, n: number, why: string): AfdError {
  return new AfdError('E_USAGE', `Line ${n} of ${file} ${why}.`, { suggestions: ['afd audit verify --help'] });
}
