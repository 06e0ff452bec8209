// Runs a command of src in this process, as the binary would: argv in; stdout, stderr and exit code out.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Config, type Interfaces } from '@oclif/core';

export interface Ran {
  stdout: string;
  stderr: string;
  exitCode: number;
  /** stdout read as JSON; throws when it is not exactly one JSON value. */
  json(): Record<string, unknown>;
}

type CommandClass = { id: string; run(argv: string[], config: Interfaces.LoadOptions): Promise<unknown> };

let config: Promise<Config> | undefined;
/** `env` replaces nothing but the named variables; undefined takes one away. Not for two commands at once. */
export async function runCommand(
  command: unknown,
  id: string,
  argv: string[] = [],
  env: Record<string, string | undefined> = {},
): Promise<Ran> {
  config ??= Config.load({ root: fileURLToPath(new URL('../../../', import.meta.url)) });
  const loaded = await config;
  const Class = command as CommandClass;
  Class.id = id;
  const before = { ...process.env };
  const output = { stdout: '', stderr: '' };
  const real = { stdout: process.stdout.write, stderr: process.stderr.write };
  const keep = (name: 'stdout' | 'stderr') =>
    ((chunk: string | Uint8Array) => {
      output[name] += String(chunk);
      return true;
    }) as typeof process.stdout.write;
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  const { cwd } = process;
  // In the clone it would find the private server that the quickstart leaves running.
  const empty = mkdtempSync(join(tmpdir(), 'afd-empty-'));
  process.cwd = () => empty;
  process.stdout.write = keep('stdout');
  process.stderr.write = keep('stderr');
  process.exitCode = undefined;
  let exitCode: number | undefined;
  try {
    await Class.run(argv, loaded as Interfaces.LoadOptions);
  } catch (error) {
    exitCode = (error as { oclif?: { exit?: number } }).oclif?.exit ?? 1;
    if ((error as { skipOclifErrorHandling?: boolean }).skipOclifErrorHandling !== true) {
      output.stderr += String((error as Error).stack);
    }
  } finally {
    process.cwd = cwd;
    rmSync(empty, { recursive: true, force: true });
    process.stdout.write = real.stdout;
    process.stderr.write = real.stderr;
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
  exitCode ??= Number(process.exitCode ?? 0);
  process.exitCode = undefined;
  return { ...output, exitCode, json: () => JSON.parse(output.stdout) as Record<string, unknown> };
}
