// The hook for a command that does not exist. It never asks, so that a script cannot hang on a question, and it never
// runs a guess. Registered in package.json as oclif.hooks.command_not_found.
import type { Hook } from '@oclif/core';

export const commandNotFound: Hook.CommandNotFound = async ({ id, argv = [], config }) => {
  const [{ didYouMean }, { renderFailure }, { wantsColour }, { AfdError }, { redactText }, { escapeInJson }] =
    await Promise.all([
      import('../core/config/did-you-mean.ts'),
      import('./print-failure.ts'),
      import('./render/colour.ts'),
      import('../core/domain/errors.ts'),
      import('../core/log/redact.ts'),
      import('../core/log/terminal-text.ts'),
    ]);
  const known = config.commands
    .filter((command) => !command.hidden)
    .flatMap((command) => [command.id, ...command.aliases])
    .map((one) => one.replaceAll(':', ' '));
  const words = redactText(id).split(':');
  // The parser takes arguments for parts of the name ("tasks shwo 5"): the longest beginning that is like a command.
  const near = words
    .map((_, i) => didYouMean(words.slice(0, words.length - i).join(' '), known))
    .find((one) => one !== undefined);
  const typed = words.join(' ');
  const error = new AfdError(
    'E_USAGE',
    `There is no command "${config.bin} ${typed}".${near === undefined ? '' : ` Did you mean "${config.bin} ${near}"?`}`,
    {
      suggestions: [near === undefined ? `${config.bin} --help` : `${config.bin} ${near} --help`],
      data: { command: typed },
    },
  );
  const { code, message, suggestions, data, exitCode } = error;
  if (argv.includes('--json')) {
    const { ifOutputIsLost } = await import('./output.ts');
    ifOutputIsLost({ failure: renderFailure({ code, message, suggestions, data, exitCode }, false) });
    process.stdout.write(`${escapeInJson(JSON.stringify({ error: { code, message, suggestions, data } }, null, 2))}\n`);
  } else {
    const colour = wantsColour(process.stderr, process.env, argv.includes('--no-color'));
    process.stderr.write(renderFailure({ code, message, suggestions, data, exitCode }, colour));
  }
  throw Object.assign(error, { oclif: { exit: exitCode }, skipOclifErrorHandling: true });
};
