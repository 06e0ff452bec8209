import { expect, it } from 'vitest';
import { wantsColour } from '../../../../src/cli/render/colour.ts';

const tty = { isTTY: true };

it.each([
  ['a terminal', tty, {}, false, true],
  ['a pipe', {}, {}, false, false],
  ['TERM=dumb', tty, { TERM: 'dumb' }, false, false],
  ['NO_COLOR', tty, { NO_COLOR: '1' }, false, false],
  ['an empty NO_COLOR', tty, { NO_COLOR: '' }, false, true],
  ['--no-color', tty, { FORCE_COLOR: '1' }, true, false],
  ['FORCE_COLOR in a pipe', {}, { FORCE_COLOR: '1' }, false, true],
  ['FORCE_COLOR=0 on a terminal', tty, { FORCE_COLOR: '0' }, false, false],
  ['NO_COLOR against FORCE_COLOR', tty, { NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
])('decides about colour for %s', (_, stream, env, flag, expected) => {
  expect(wantsColour(stream, env, flag)).toBe(expected);
});
