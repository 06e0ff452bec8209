import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Actor } from '../core/domain/audit/actor.ts';

/** Who runs this command, with the reason that was given. */
export function operator(reason: string | undefined): Actor {
  const label = `${userName()}@${hostname()}`;
  return { who: `os:${label}`, label, source: null, request_id: randomUUID(), reason };
}

/** The name of the account, or its number where it has none (a container). */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
