import { hostname, userInfo } from 'node:os';

/** Characters that are stored. */
const LONGEST = 500;

/** Who runs this command, and the reason that was given: `alice@host: reason`. */
export function operator(reason: string | undefined): string {
  const who = `${userName()}@${hostname()}`;
  return (reason === undefined ? who : `${who}: ${reason}`).slice(0, LONGEST);
}

/** The name of the account, or its number where it has none (a container). */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
