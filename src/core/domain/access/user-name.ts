// What a user may be called, and which passwords are refused.

/** Compared without case. */
export const USER_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export const SHORTEST_PASSWORD = 12;
export const LONGEST_PASSWORD = 1024;

/** Why it is refused, as a sentence; undefined = it is not. Length is what counts: no other rule makes people choose better ones. */
export function refusedPassword(name: string, password: string): string | undefined {
  const { length } = [...password];
  if (length < SHORTEST_PASSWORD) return `A password has at least ${SHORTEST_PASSWORD} characters.`;
  if (length > LONGEST_PASSWORD) return `A password has at most ${LONGEST_PASSWORD} characters.`;
  if (password.toLowerCase() === name.toLowerCase()) return 'The password is the name of the user.';
  return undefined;
}
