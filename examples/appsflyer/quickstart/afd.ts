// The demonstration uses afd as anybody does: by its command line.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const AFD = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

const CONFIGURES_AFD = /^(AFD_|MYSQL_|DISTRIBUTION_MODE$|MASTER_HOST$|DEVICE_ID$|NODE_ENV$)/;

/** This process's environment without anything that would configure afd, and with `more`. */
export function childEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !CONFIGURES_AFD.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

/** Runs one command with --json and returns its result. Throws with the command's own message. */
export function afd(args: string[], signal: AbortSignal, env: Record<string, string> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { cwd: ROOT, env: childEnvironment(env), signal, maxBuffer: 16 * 1024 * 1024 };
    execFile(process.execPath, [AFD, ...args, '--json'], options, (error, stdout, stderr) => {
      if (signal.aborted) return reject(signal.reason);
      const said = parse(stdout);
      if (error === null && said !== undefined) return resolve(said);
      const failure = (said as { error?: { message?: string; suggestions?: string[] } } | undefined)?.error;
      const tries = (failure?.suggestions ?? []).map((one) => `\n  Try: ${one}`).join('');
      const message = failure?.message ?? (stderr.trim() || error?.message || 'no JSON on stdout');
      reject(new QuickstartError(`afd ${args.slice(0, 2).join(' ')} failed: ${message}${tries}`, exitCode(error)));
    });
  });
}

/** Ends the demonstration with a message and this exit code. */
export class QuickstartError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'QuickstartError';
    this.exitCode = exitCode;
  }
}

function exitCode(error: unknown): number {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'number' && code > 0 ? code : 1;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
