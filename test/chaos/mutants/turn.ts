// Which mutants a run of `.ci/run` tries: a tenth of them, another one for each commit, so that ten commits try all.
import { execFileSync } from 'node:child_process';
import type { Mutant } from './mutant.ts';

export const TURNS = 10;

/**
 * The number of commits up to this one, modulo ten; in a clone that has not all of them, or none, the days since 1970. So the
 * same commit always tries the same mutants.
 */
export function turnOf(root: string, now: Date = new Date()): number {
  const git = (...args: string[]) => {
    try {
      return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return '';
    }
  };
  const whole = git('rev-parse', '--is-shallow-repository') === 'false';
  const commits = whole ? Number(git('rev-list', '--count', 'HEAD')) : 0;
  return (commits > 0 ? commits : Math.floor(now.getTime() / 86_400_000)) % TURNS;
}

/** Each mutant has one turn. Those that need a storm take longest, so they are dealt out first. */
export function ofTurn(mutants: readonly Mutant[], turn: number): Mutant[] {
  const storms = mutants.filter((one) => one.caught.storm !== undefined);
  const others = mutants.filter((one) => one.caught.storm === undefined);
  // The others from the far end: the turns that have a storm less get a test more.
  return [...storms.filter((_, n) => n % TURNS === turn), ...others.filter((_, n) => TURNS - 1 - (n % TURNS) === turn)];
}
