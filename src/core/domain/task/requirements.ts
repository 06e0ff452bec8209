// required_capabilities as rows spell it: JSON in a table of ours, any text in an adopted one.

/** Bytes of required_capabilities of a task that is enqueued, as JSON. */
export const REQUIREMENTS_BYTES = 4 * 1024;
/** Bytes that are read of a row: a server may spell what it was sent with more spaces. Longer is as good as unreadable. */
export const MOST_READ_BYTES = 2 * REQUIREMENTS_BYTES;

/** What a lane's tasks ask for; `requires` null = nothing. */
export interface Requirements {
  requires: Record<string, unknown> | null;
  /** False: the text is not JSON, or was too long to be read. Nobody may run such a task, and `requires` is what no device meets. */
  readable: boolean;
}

const MOST_SHOWN = 80;

/**
 * Reads required_capabilities; never throws. An empty text requires nothing, as NULL does: both are one lane
 * (lane-key.ts), so they cannot mean two things. A text that is not JSON gives requirements that no device meets, since
 * its meaning is unknown; as a reason it reads `lacks required_capabilities={"unreadable":"…"}`.
 */
export function requirementsOf(text: string | null | undefined): Requirements {
  if (text === null || text === undefined || text === '') return { requires: null, readable: true };
  try {
    // A number, a list or a word is as good as an object: its entries, if it has any, are what no device has.
    return { requires: JSON.parse(text) as Requirements['requires'], readable: true };
  } catch {
    // An object is met by no capability of any device (eligibility.ts).
    return { requires: { required_capabilities: { unreadable: text.slice(0, MOST_SHOWN) } }, readable: false };
  }
}
