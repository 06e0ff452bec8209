// The command line of a script under `npm run`: what it takes, and what it says to anything else. Only Node's own modules
// here: it is read before packages are installed.
import { parseArgs } from 'node:util';

/**
 * What the command line says, as parseArgs has it. `--help` prints the usage and ends the process with 0; anything that the
 * script does not know prints what is wrong and the usage, and ends it with 2, as does an error that `check` throws.
 */
export function readOptions(usage, { options = {}, positionals = false, check = () => {} } = {}) {
  try {
    const given = parseArgs({
      options: { ...options, help: { type: 'boolean', short: 'h', default: false } },
      allowPositionals: positionals,
    });
    if (given.values.help) {
      console.log(usage.trim());
      process.exit(0);
    }
    check(given);
    return given;
  } catch (error) {
    refuse(usage, error.message);
  }
}

/** Ends the process with 2, after a sentence and the usage. */
export function refuse(usage, sentence) {
  console.error(
    `${sentence.replace(/\.? To specify a positional argument .*$/, '').replace(/[.?!]?$/, (end) => end || '.')}\n\n${usage.trim()}`,
  );
  process.exit(2);
}
