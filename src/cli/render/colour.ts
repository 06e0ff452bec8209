import { Chalk, type ChalkInstance } from 'chalk';

/** True when this stream may get colour: FORCE_COLOR asks for it, NO_COLOR, --no-color, TERM=dumb or a pipe forbid it. */
export function wantsColour(
  stream: { isTTY?: boolean },
  env: Record<string, string | undefined>,
  noColourFlag: boolean,
): boolean {
  if (noColourFlag || (env.NO_COLOR !== undefined && env.NO_COLOR !== '')) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** chalk for one stream: chalk itself checks stdout alone and does not know NO_COLOR. */
export function colours(enabled: boolean): ChalkInstance {
  return new Chalk({ level: enabled ? 1 : 0 });
}
