// required_capabilities as rows spell it: JSON in a table of ours, any text in an adopted one.

/** What a lane's tasks ask for; `requires` null = nothing. */
export interface Requirements {
  requires: Record<string, unknown> | null;
  /** False: the text is not JSON. Nobody may run such a task, and `requires` is what no device meets. */
  readable: boolean;
}

const MOST_SHOWN = 80;

/**
 * Reads required_capabilities; never throws. An empty text asks for nothing, as NULL does: both are one lane
 * (lane-key.ts), so they cannot mean two things. A text that is not JSON gives requirements that no device meets, since
 * nobody knows what its writer wanted; as a reason it reads `lacks required_capabilities={"unreadable":"…"}`.
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
