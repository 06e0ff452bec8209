import { AfdError } from '../../domain/errors.ts';
import { referenceOf } from '../../secrets/references.ts';
import type { Attempt } from '../handler.ts';
import { TOKEN_VARIABLE, WORKER_VARIABLE } from '../processes/worker-stamp.ts';
import { type HandlerUser, userEnvironment } from './handler-user.ts';
import type { WorkFolder } from './work-folder.ts';

export type Environment = Record<string, string | undefined>;

/**
 * What a command inherits: where programs are, who and where the user is, language and time zone. Nothing else: no
 * credential, no NOTIFY_SOCKET, no NODE_OPTIONS, no proxy (their URLs hold passwords). Further variables are named in
 * handlers.<type>.env, whose values may hold `${NAME}` of the worker's own environment.
 */
const INHERITED = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR']);

/**
 * The part of a command's environment that is the same for every attempt. `user`: as whom it runs, if not as the worker.
 * @throws AfdError E_CONFIG: not set
 */
export function commandEnvironment(
  type: string,
  own: Record<string, string>,
  worker: Environment,
  user?: HandlerUser,
): Environment {
  const environment: Environment = {};
  for (const [name, value] of Object.entries(worker)) {
    if (value !== undefined && (INHERITED.has(name) || name.startsWith('LC_'))) environment[name] = value;
  }
  if (user !== undefined) Object.assign(environment, userEnvironment(user));
  for (const [name, value] of Object.entries(own)) {
    if (!/^[^=\0]+$/.test(name) || value.includes('\0')) {
      throw new AfdError('E_CONFIG', `handlers.${type}.env.${name} is not a valid name of an environment variable.`);
    }
    environment[name] = value.replace(/\$\{([A-Za-z_]\w*)\}/g, (_, wanted: string) => {
      const found = worker[wanted];
      if (found !== undefined) return found;
      throw new AfdError(
        'E_CONFIG',
        `handlers.${type}.env.${name} refers to \${${wanted}}, which is not set in the environment of this process.`,
      );
    });
  }
  return environment;
}

/**
 * The environment of a process in which attempt after attempt runs: it cannot have the secrets of one of them.
 * @throws AfdError E_CONFIG
 */
export function moduleEnvironment(
  type: string,
  own: Record<string, string>,
  worker: Environment,
  user?: HandlerUser,
): Environment {
  const env = commandEnvironment(type, own, worker, user);
  if (referencesOf(env) === undefined) return env;
  throw new AfdError(
    'E_CONFIG',
    `handlers.${type}.env refers to a secret, but a process of modules outlives an attempt. Refer to it in task_data, or use "exec".`,
    { suggestions: ['afd config show'], data: { key: 'handlers' } },
  );
}

/** The values that refer to secrets, as they are written; undefined = there are none. */
export function referencesOf(env: Environment): string[] | undefined {
  const found = Object.values(env).filter((value) => value !== undefined && referenceOf(value) !== undefined);
  return found.length === 0 ? undefined : (found as string[]);
}

/** With the secrets of this attempt in the place of references. @throws Error: a member does not exist */
export function withSecrets(env: Environment, attempt: Pick<Attempt, 'secretText'>): Environment {
  const filled = Object.entries(env).map(([name, value]) => [
    name,
    value === undefined ? value : (attempt.secretText?.(value) ?? value),
  ]);
  return Object.fromEntries(filled);
}

/**
 * What every attempt adds; a command's own settings cannot replace it, except TMPDIR (`own`: they set one). `stamp`: of this
 * worker (`ownStamp`).
 */
export function attemptEnvironment(
  attempt: Attempt,
  folder: Pick<WorkFolder, 'path' | 'resultFile' | 'temporary'>,
  { stamp, own }: { stamp: string | undefined; own: Record<string, string> },
): Environment {
  return {
    AFD_TASK_ID: String(attempt.task.task_id),
    AFD_ATTEMPT: String(attempt.task.attempt),
    AFD_DEVICE_ID: attempt.device_id,
    AFD_TASK_TYPE: attempt.task.task_type,
    [TOKEN_VARIABLE]: attempt.claim_token,
    AFD_RESULT_FILE: folder.resultFile,
    AFD_WORK_DIR: folder.path,
    ...(Object.hasOwn(own, 'TMPDIR') ? {} : { TMPDIR: folder.temporary }),
    [WORKER_VARIABLE]: stamp,
  };
}
