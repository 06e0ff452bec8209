import { getuid } from 'node:process';

/** This process: its pid, and the program that it runs (node). */
export { execPath as ownProgram, pid as ownPid } from 'node:process';

/** Its user id; undefined where there are none. */
export function ownUser(): number | undefined {
  return getuid?.();
}
