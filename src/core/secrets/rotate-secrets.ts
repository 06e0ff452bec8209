// Encrypts every secret again with the newest key, those of tasks and the signing secrets of webhooks: each by one fenced statement, so that a rotation that dies leaves every secret
// with one key or the other, and the next one goes on.
import { audited } from '../audit/audited.ts';
import type { Context } from '../context/context.ts';
import { dueSecrets } from '../db/secrets/due-secrets.ts';
import type { SealedSecret } from '../db/secrets/read-secrets.ts';
import { resealSecret } from '../db/secrets/reseal-secret.ts';
import type { Actor } from '../domain/audit/actor.ts';
import type { AuditEntry } from '../domain/audit/audit-row.ts';
import { AfdError } from '../domain/errors.ts';
import { seal } from './envelope.ts';
import { openSecret } from './find-secrets.ts';
import type { FleetKey } from './fleet-key.ts';
import { Keyring } from './keyring.ts';
import { rotateSigning } from './rotate-signing.ts';

export interface RotatedSecrets {
  /** Of the newest key, which every secret has now. */
  key_id: string;
  /** Secrets that had another one. */
  rotated: number;
  /** Webhooks whose signing secrets had another one, or none. */
  webhooks: number;
  /** Ids of these keys: no secret needs them any more. */
  unused_key_ids: string[];
}

const BATCH = 50;

/** @throws AfdError E_CONFIG; E_PARTIAL: some cannot be opened, and keep their keys; DatabaseError */
export async function rotateSecrets(
  context: Context,
  by: Actor,
  onStep: (name: string) => void = () => {},
): Promise<RotatedSecrets> {
  const session = await context.session();
  const keyring = Keyring.of(context.resolved);
  const newest = await keyring.newest();
  const { names } = context;
  const done = { rotated: 0, old: new Set<string>() };
  const failed = new Map<string, string>();
  for (let left = true; left; ) {
    left = false;
    for (let after = ''; ; ) {
      const due = await dueSecrets(session, names, { newest: newest.id, after, most: BATCH });
      for (const row of due) {
        if (failed.has(row.name)) continue;
        const next = await resealed(row, newest, keyring);
        if ('message' in next) failed.set(row.name, next.message);
        else if (
          await audited(
            { session, names },
            by,
            () => resealSecret(session, names, next, row.key_id),
            entryOf(row, next),
          )
        ) {
          done.rotated += 1;
          done.old.add(row.key_id);
          onStep(row.name);
        } else left = true; // It was set meanwhile, perhaps by a process that does not have the newest key yet.
      }
      if (due.length < BATCH) break;
      after = due.at(-1)!.name;
    }
  }
  const signing = await rotateSigning({ session, names, keyring, newest, by }, onStep);
  const { rotated: webhooks } = signing;
  for (const id of signing.old) done.old.add(id);
  for (const one of signing.failed) failed.set(...one);
  const { rotated } = done;
  if (failed.size === 0) return { key_id: newest.id, rotated, webhooks, unused_key_ids: [...done.old] };
  const [first] = failed;
  throw new AfdError(
    'E_PARTIAL',
    `${failed.size} of ${failed.size + rotated + webhooks} secrets cannot be encrypted again; the first is ${first![0]}: ${first![1]}`,
    { suggestions: ['afd secrets ls'], data: { names: [...failed.keys()], rotated, webhooks } },
  );
}

function entryOf(row: SealedSecret, next: SealedSecret): (done: boolean) => AuditEntry | undefined {
  const change = { before: { key_id: row.key_id }, after: { key_id: next.key_id } };
  return (done) =>
    done ? { action: 'secrets.rotate', object_type: 'secret', object_id: row.name, ...change } : undefined;
}

async function resealed(
  row: SealedSecret,
  newest: FleetKey,
  keyring: Keyring,
): Promise<SealedSecret | { message: string }> {
  const found = await openSecret(row, keyring);
  if ('problem' in found) return { message: found.message };
  const { name, version } = row;
  return { name, version, ...seal(newest, row, found.value) };
}
