// vitest shows a stack for an option that it does not know; its own help says which it does.
import { spawnSync } from 'node:child_process';
import { VITEST } from './run-tests.mjs';
import { refuse } from './usage.mjs';

/** Ends the process with 2 where one of these words is an option that neither vitest nor this script knows. */
export function refuseUnknownOptions(words, usage) {
  const options = words.filter((word) => word.startsWith('-') && word !== '--');
  if (options.length === 0) return;
  const { stdout } = spawnSync(process.execPath, [VITEST, '--help'], { encoding: 'utf8' });
  const plain = (word) =>
    word
      .replace(/^--(no-)?/, '')
      .split(/[=.]/)[0]
      .replaceAll('-', '')
      .toLowerCase();
  const known = [...stdout.matchAll(/^ +(?:(-\w), )?--([\w-]+)/gm)].flatMap(([, short, long]) => [short, plain(long)]);
  const unknown = options.filter((word) => !known.includes(/^-\w/.test(word) ? word.slice(0, 2) : plain(word)));
  if (unknown.length > 0) refuse(usage, `There is no option ${unknown.join(', ')}.`);
}
