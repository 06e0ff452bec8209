import { AfdError } from '../domain/errors.ts';
import { monotonic } from '../runtime/clock.ts';
import type { FleetKey } from './fleet-key.ts';
import { type KeySettings, readKeys } from './key-source.ts';

/** A key that is not known is looked for again at most this often: each try may start a program. */
const AGAIN_MS = 5000;

/** The keys of the fleet on this machine: read when the first is needed, and again when one is missing, so that a new key needs no restart. */
export class Keyring {
  readonly #read: () => Promise<FleetKey[] | undefined>;
  readonly #now: () => number;
  #keys: FleetKey[] | undefined;
  #reading: Promise<FleetKey[]> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  /** `read`: undefined = this machine has no key. `now`: milliseconds, monotonic. */
  constructor(read: () => Promise<FleetKey[] | undefined>, now: () => number = monotonic) {
    this.#read = read;
    this.#now = now;
  }

  static of(settings: KeySettings): Keyring {
    return new Keyring(() => readKeys(settings));
  }

  /** For new values; undefined = this machine has none. @throws AfdError E_CONFIG: it cannot be read */
  async newestIfAny(): Promise<FleetKey | undefined> {
    return (this.#keys ?? (await this.#readAgain()))[0];
  }

  /** The same. @throws AfdError E_CONFIG: there is none, or it cannot be read */
  async newest(): Promise<FleetKey> {
    const newest = await this.newestIfAny();
    if (newest !== undefined) return newest;
    throw new AfdError('E_CONFIG', 'This machine has no key for secrets: set secrets.key_file in afd.yaml.', {
      suggestions: ['afd secrets key afd-secrets.key'],
      data: { key: 'secrets.key_file' },
    });
  }

  /** Undefined = this machine does not have it. @throws AfdError E_CONFIG: the keys cannot be read */
  async find(id: string): Promise<FleetKey | undefined> {
    const known = this.#keys?.find((one) => one.id === id);
    if (known !== undefined) return known;
    if (this.#keys !== undefined && this.#now() - this.#readAt < AGAIN_MS) return undefined;
    return (await this.#readAgain()).find((one) => one.id === id);
  }

  /** Reads what is configured, if anything is. @throws AfdError E_CONFIG: it cannot be used */
  async check(): Promise<void> {
    await this.#readAgain();
  }

  #readAgain(): Promise<FleetKey[]> {
    this.#reading ??= this.#read()
      .then((keys = []) => {
        this.#keys = keys;
        this.#readAt = this.#now();
        return keys;
      })
      .finally(() => {
        this.#reading = undefined;
      });
    return this.#reading;
  }
}
