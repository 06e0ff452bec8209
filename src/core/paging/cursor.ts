// Where a list goes on: opaque to its reader, and bound to the list and the filter that it came from.
import { createHash } from 'node:crypto';
import { AfdError } from '../domain/errors.ts';
import { canonicalJson } from '../domain/text/canonical-json.ts';

/** A place in one list. `filter`: everything that decides what is in the list, and in which order. */
export class CursorOf<Place> {
  readonly #key: string;
  readonly #isPlace: (value: unknown) => value is Place;

  constructor(list: string, filter: object, isPlace: (value: unknown) => value is Place) {
    this.#key = createHash('sha256')
      .update(canonicalJson([list, filter]))
      .digest('base64url')
      .slice(0, 12);
    this.#isPlace = isPlace;
  }

  encode(place: Place): string {
    return Buffer.from(JSON.stringify([this.#key, place])).toString('base64url');
  }

  /** Undefined = from the beginning. @throws AfdError E_USAGE */
  decode(text: string | undefined): Place | undefined {
    if (text === undefined) return undefined;
    const [key, place] = parsed(text);
    if (key === this.#key && this.#isPlace(place)) return place;
    const why =
      typeof key === 'string' && this.#isPlace(place) ? 'belongs to a list with another filter' : 'is not valid';
    throw new AfdError('E_USAGE', `The cursor ${why}. Ask again without a cursor.`);
  }
}

export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function parsed(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
