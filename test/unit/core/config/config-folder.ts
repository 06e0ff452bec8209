import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type LoadOptions, loadConfig } from '../../../../src/core/config/load-config.ts';
import type { AfdError } from '../../../../src/core/domain/errors.ts';

/** A folder with these files, removed when the test ends. */
export function folder(files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'afd-config-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(path, name), text);
    chmodSync(join(path, name), 0o600);
  }
  return path;
}

/** Loads `afd.yaml` with this text. The home folder is empty and nothing of the real environment is seen. */
export function load(
  yaml: string | undefined,
  options: Partial<LoadOptions> & { files?: Record<string, string> } = {},
) {
  const cwd = folder({ ...(yaml === undefined ? {} : { 'afd.yaml': yaml }), ...options.files });
  return loadConfig({ cwd, env: {}, ...options });
}

/** The error that loading raises. */
export function refusal(...args: Parameters<typeof load>): Promise<AfdError> {
  const accepted = () => Promise.reject(new Error('the configuration was accepted'));
  return load(...args).then(accepted, (error: AfdError) => error);
}

export const DATABASE = 'database: { url: "mysql://afd:pw@db.example:3307/fleet?tls=disable" }\n';
