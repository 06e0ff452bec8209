// Secrets for a remote worker: opened here, and encrypted to the key that the worker made for this question.
import type { SecretsBody } from '../../../http/device-secrets.ts';
import { heldTaskType } from '../../db/secrets/held-task-type.ts';
import { AfdError } from '../../domain/errors.ts';
import { findSecrets } from '../../secrets/find-secrets.ts';
import type { Keyring } from '../../secrets/keyring.ts';
import { sealFor } from '../../secrets/transfer.ts';
import type { RemoteDevices } from './remote-devices.ts';
import { bytes } from './wire.ts';

export class DeviceSecrets {
  readonly #devices: Pick<RemoteDevices, 'context' | 'requests'>;
  readonly #keyring: Keyring;

  constructor(devices: Pick<RemoteDevices, 'context' | 'requests'>, keyring: Keyring) {
    this.#devices = devices;
    this.#keyring = keyring;
  }

  /** @throws AfdError E_CONFLICT: the device does not hold the task; E_USAGE: the key is none; DatabaseError */
  async read(deviceId: string, { names: wanted, public_key, task_id, claim_token }: SecretsBody) {
    const { names } = this.#devices.context;
    const found = await this.#devices.requests.use(async (context) => {
      const session = await context.session();
      const task_type = await heldTaskType(session, names, deviceId, { task_id, claim_token: bytes(claim_token) });
      if (task_type === undefined)
        throw new AfdError('E_CONFLICT', `The device ${deviceId} does not hold task ${task_id}.`);
      return findSecrets(session, names, this.#keyring, { wanted, use: { task_type, device_id: deviceId } });
    });
    return found.map((one) => {
      if ('problem' in one) return one;
      return { name: one.name, ...sealed(public_key, one.value) };
    });
  }
}

function sealed(publicKey: string, value: unknown) {
  try {
    return sealFor(publicKey, value);
  } catch {
    throw new AfdError('E_USAGE', 'public_key is not an X25519 key in base64 (SPKI, DER).');
  }
}
