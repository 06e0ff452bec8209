// The environment as a source of configuration: one variable per scalar key, and the design document's own names.
import { SCALAR_KEYS } from './config-keys.ts';
import { didYouMean } from './did-you-mean.ts';

export interface EnvironmentValue {
  key: string;
  name: string;
  value: string;
}

/** The names of the design document (its section 8), each with the key it stands for. */
const ALIASES: Record<string, string> = {
  DISTRIBUTION_MODE: 'mode',
  MASTER_HOST: 'master.host',
  MASTER_PORT: 'master.port',
  DEVICE_ID: 'worker.device_id',
  MYSQL_HOST: 'database.host',
  MYSQL_PORT: 'database.port',
  MYSQL_USER: 'database.user',
  MYSQL_PASSWORD: 'database.password',
  MYSQL_DATABASE: 'database.name',
};

/** AFD_* variables that are not keys: the choice of a file and of server programs, what handlers are given, the framework's own. */
const OTHER_VARIABLES = new Set([
  'AFD_CONFIG',
  'AFD_SERVER_FOLDERS',
  'AFD_TASK_ID',
  'AFD_ATTEMPT',
  'AFD_DEVICE_ID',
  'AFD_TASK_TYPE',
  'AFD_CLAIM_TOKEN',
  'AFD_RESULT_FILE',
  'AFD_EVENTS_FD',
  'AFD_EVENTS_FILE',
  'AFD_CONTENT_TYPE',
  'AFD_REDIRECTED',
  'AFD_DISABLE_THEME',
  'AFD_SKIP_ANALYTICS',
  'AFD_SKIP_NEW_VERSION_CHECK',
]);

const BY_NAME = new Map(SCALAR_KEYS.map((key) => [variableOf(key), key]));

/** `master.heartbeat_timeout` → `AFD_MASTER_HEARTBEAT_TIMEOUT`. */
export function variableOf(key: string): string {
  return `AFD_${key.toUpperCase().replaceAll('.', '_')}`;
}

/** What the environment says; an empty variable says nothing. An AFD_ name wins over the document's name for its key. */
export function readEnvironment(env: Record<string, string | undefined>): {
  values: EnvironmentValue[];
  warnings: string[];
} {
  const found = new Map<string, EnvironmentValue>();
  const warnings: string[] = [];
  for (const [name, key] of Object.entries(ALIASES)) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    // Kubernetes sets MYSQL_PORT=tcp://10.0.0.1:3306 for a service named "mysql".
    if (name.endsWith('_PORT') && value.startsWith('tcp://')) {
      const service = name.slice(0, -'_PORT'.length).toLowerCase();
      warnings.push(`${name} is ignored, because Kubernetes set it for a service named "${service}"`);
      continue;
    }
    found.set(key, { key, name, value });
  }
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('AFD_') || value === undefined || value === '') continue;
    const key = BY_NAME.get(name);
    if (key !== undefined) found.set(key, { key, name, value });
    else if (!OTHER_VARIABLES.has(name) && !name.startsWith('AFD_TEST_')) {
      const near = didYouMean(name, BY_NAME.keys());
      warnings.push(`unknown environment variable ${name}${near === undefined ? '' : `; did you mean ${near}?`}`);
    }
  }
  return { values: [...found.values()], warnings };
}
