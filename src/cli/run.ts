// The program. Each command prints its own failures; this file prints those of oclif and its plugins.
import { flush, handle, run } from '@oclif/core';
import { escapeInJson } from '../core/log/terminal-text.ts';
import { ifOutputIsLost } from './output.ts';
import { wantsColour } from './render/colour.ts';

interface Thrown {
  message?: string;
  oclif?: { exit?: number };
  code?: string;
  skipOclifErrorHandling?: boolean;
}

/** Runs what argv says; `dir` is the URL of a file of the package. Ends the process when that fails. */
export async function runProgram(dir: string, argv = process.argv.slice(2)): Promise<void> {
  try {
    await run(argv, dir);
    flush();
  } catch (error) {
    const thrown = error as Thrown;
    const told = thrown.skipOclifErrorHandling === true || thrown.code === 'EEXIT' || thrown.message === 'SIGINT';
    if (!told) await tell(thrown, argv);
    // A write that stdout has refused is known one turn later.
    await new Promise((resolve) => setImmediate(resolve));
    await handle(error as Error);
  }
}

async function tell(error: Thrown, argv: string[]): Promise<void> {
  const { failureOf } = await import('./failure.ts');
  const words = argv.filter((word) => /^[a-z][a-z-]*$/.test(word)).slice(0, 1);
  const { exitCode, ...failure } = failureOf(error, { command: ['afd', ...words].join(' '), flags: ['help'] });
  const { renderFailure } = await import('./print-failure.ts');
  if (argv.includes('--json')) {
    ifOutputIsLost({ failure: renderFailure({ ...failure, exitCode }, false) });
    process.stdout.write(`${escapeInJson(JSON.stringify({ error: failure }, null, 2))}\n`);
  } else {
    const colour = wantsColour(process.stderr, process.env, argv.includes('--no-color'));
    process.stderr.write(renderFailure({ ...failure, exitCode }, colour));
  }
  // oclif's own handler then prints nothing, and exits with our code.
  Object.assign(error, { oclif: { exit: exitCode }, skipOclifErrorHandling: true });
}
