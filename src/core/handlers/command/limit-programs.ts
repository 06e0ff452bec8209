import { execFile } from 'node:child_process';
import type { HandlerConfig } from '../../config/config-schema.ts';
import { AfdError } from '../../domain/errors.ts';
import { cleanText } from '../../domain/text/error-text.ts';
import type { HandlerUser } from './handler-user.ts';
import { findProgram } from './program.ts';

/** `umask` is no program, so a shell sets it and becomes the command; `$0` is the mask. */
const UMASK_SCRIPT = 'umask "$0" && exec "$@"';

/**
 * argv in front of a command that sets its limits and its umask; each is tried once, here, by the `user` of the command.
 * @throws AfdError E_CONFIG: one of them cannot be applied on this machine
 */
export async function limitPrefix(
  type: string,
  { limits: { nice, open_files }, umask }: Pick<HandlerConfig, 'limits' | 'umask'>,
  path: string | undefined,
  user?: HandlerUser,
): Promise<string[]> {
  const parts: string[][] = [];
  // Both limits: a command cannot raise it again.
  if (open_files !== undefined) {
    const value = `--nofile=${open_files}:${open_files}`;
    parts.push(await tried(`${type}.limits.open_files`, ['prlimit', value, '--'], path, user));
  }
  if (nice !== undefined) parts.push(await tried(`${type}.limits.nice`, ['nice', '-n', `${nice}`, '--'], path, user));
  if (umask !== undefined) parts.push(await tried(`${type}.umask`, ['sh', '-c', UMASK_SCRIPT, umask], path, user));
  return parts.flat();
}

async function tried(
  key: string,
  [name, ...args]: string[],
  path: string | undefined,
  user: HandlerUser | undefined,
): Promise<string[]> {
  const refuse = (why: string) =>
    new AfdError(
      'E_CONFIG',
      `handlers.${key} cannot be applied on this machine: ${why}. Remove it, or change the machine.`,
    );
  const program = await findProgram(name!, '/', path);
  const nothing = await findProgram('true', '/', path);
  for (const found of [program, nothing]) if ('problem' in found) throw refuse(found.problem);
  const [file, end] = [program, nothing].map((found) => ('file' in found ? found.file : ''));
  return new Promise((resolve, reject) => {
    const as = user === undefined ? {} : { uid: user.uid, gid: user.gid };
    execFile(file!, [...args, end!], { timeout: 5000, ...as }, (error, _, stderr) => {
      // nice warns only, and goes on without the niceness.
      if (error === null && stderr === '') resolve([file!, ...args]);
      else reject(refuse(cleanText(stderr).trim() || String(error?.message)));
    });
  });
}
