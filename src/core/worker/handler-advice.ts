// What is said of `handlers` in the configuration: settings without effect, and lines to add.
import { DEFAULT_ISOLATION, type HandlerConfig, type ISOLATIONS } from '../config/config-schema.ts';

export type Isolation = (typeof ISOLATIONS)[number];

export function isolationOf({ module, isolation }: HandlerConfig): Isolation | undefined {
  return module === undefined ? undefined : (isolation ?? DEFAULT_ISOLATION);
}

/** A sentence for each setting that has no effect. */
export function idleSettings(type: string, config: HandlerConfig, artifacts: string | undefined): string[] {
  const { module, env, cwd, result, limits, keep_folder, umask, files } = config;
  const keep = files.keep.length > 0;
  if (module === undefined) {
    if (!keep || artifacts !== undefined) return [];
    return [`handlers.${type}.files.keep has no effect: worker.artifacts, the folder for them, is not set.`];
  }
  const named = (given: Record<string, boolean>) =>
    Object.entries(given)
      .flatMap(([name, is]) => (is ? [name] : []))
      .join(', ');
  const found: string[] = [];
  const ofProcess = named({ env: Object.keys(env).length > 0, cwd: cwd !== undefined });
  if (ofProcess !== '' && isolationOf(config) !== 'process') {
    found.push(`handlers.${type}: ${ofProcess} has no effect on a module without "isolation: process".`);
  }
  const ofCommand = named({
    ...{ result, limits: Object.keys(limits).length > 0, keep_folder: keep_folder !== 'never' },
    ...{ umask: umask !== undefined, files: keep },
  });
  if (ofCommand !== '') {
    found.push(`handlers.${type}: ${ofCommand} applies to commands only and has no effect on a module.`);
  }
  return found;
}

/** YAML for types that have no handler. */
export function linesToAdd(types: string[]): string {
  if (types.length === 0) return 'worker: { capabilities: { supported_tasks: [my_task] } }';
  const lines = types.map((type) => {
    const key = /^[A-Za-z_][\w-]*$/.test(type) ? type : JSON.stringify(type);
    const file = type.replace(/[^\w-]+/g, '-').replaceAll('_', '-');
    return `  ${key}: { module: ./handlers/${file}.ts }   # or: { exec: [python3, main.py, ${key}] }`;
  });
  return `handlers:\n${lines.join('\n')}`;
}
