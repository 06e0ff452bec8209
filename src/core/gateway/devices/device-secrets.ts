// Secrets for a remote worker: opened here, and encrypted to the key that the worker made for this question.
import type { SecretsBody } from '../../../http/device-secrets.ts';
import { heldTaskType } from '../../db/secrets/held-task-type.ts';
import type { TableNames } from '../../db/table-names.ts';
import { AfdError } from '../../domain/errors.ts';
import { findSecrets } from '../../secrets/find-secrets.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import { sealFor } from '../../secrets/transfer.ts';
import type { RequestContexts } from '../requests/request-contexts.ts';
import { bytes } from './wire/wire.ts';

export class DeviceSecrets {
  readonly #requests: RequestContexts;
  readonly #names: TableNames;
  readonly #keyring: Keyring;

  constructor(requests: RequestContexts, names: TableNames, keyring: Keyring) {
    this.#requests = requests;
    this.#names = names;
    this.#keyring = keyring;
  }

  /** `held: false` = the device does not hold the task. @throws AfdError E_USAGE: the key is none; DatabaseError */
  async read(deviceId: string, { names: wanted, public_key, task_id, claim_token }: SecretsBody) {
    const names = this.#names;
    const found = await this.#requests.use(async (context) => {
      const session = await context.session();
      const task_type = await heldTaskType(session, names, deviceId, { task_id, claim_token: bytes(claim_token) });
      if (task_type === undefined) return undefined;
      return findSecrets(session, names, this.#keyring, { wanted, use: { task_type, device_id: deviceId } });
    });
    const secrets = (found ?? []).map((one) =>
      'problem' in one ? one : { name: one.name, ...sealed(public_key, one.value) },
    );
    return { held: found !== undefined, secrets };
  }
}

function sealed(publicKey: string, value: unknown) {
  try {
    return sealFor(publicKey, value);
  } catch {
    throw new AfdError('E_USAGE', 'public_key is not a point of P-256 in base64.');
  }
}
