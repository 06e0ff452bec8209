// Descriptors that this process did not open. A shell, a service manager or a terminal may have left some open, and
// every command would have them too: a lock, a socket, another program's file. Node opens its own with
// close-on-exec.
import { openSync, readdirSync, readFileSync } from 'node:fs';

const CLOSE_ON_EXEC = 0o2000000;
/** A higher one is left as it is: what replaces them is a list as long as the highest. */
const MOST = 4096;

/**
 * What a command gets in the place of each descriptor above 2 that it would inherit: `stdio` of `spawn` from the fourth on.
 * Empty where there is none, or no /proc to see them in.
 */
export function hideInherited(): Array<'ignore' | number> {
  const found = inherited();
  if (found.length === 0) return [];
  const nothing = openSync('/dev/null', 'r+');
  return Array.from({ length: Math.max(...found) - 2 }, (_, n) => (found.includes(n + 3) ? nothing : 'ignore'));
}

function inherited(): number[] {
  let names: string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return [];
  }
  return names.map(Number).filter((fd) => fd > 2 && fd < MOST && survivesExec(fd));
}

function survivesExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
  } catch {
    // Closed meanwhile: the one that read the folder.
    return false;
  }
}
