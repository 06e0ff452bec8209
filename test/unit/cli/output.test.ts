import { describe, expect, it } from 'vitest';
import { LineOutput } from '../../../src/cli/output.ts';

/** Fails while `full` is set, after having written part of the text. */
function disk() {
  const state = { full: false, room: 0, text: '' };
  const output = new LineOutput({
    sink(text, done) {
      if (!state.full) {
        state.text += text;
        done();
        return;
      }
      state.text += text.slice(0, state.room);
      done(Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }), state.room > 0);
      state.room = 0;
    },
    notice: (lost, why) => `${lost} lost, ${why}\n`,
  });
  return { state, output };
}

describe('log lines for a stream that refuses them', () => {
  it('finding B1: are counted while they are lost, and that is said once', () => {
    const { state, output } = disk();
    output.write('one\n');
    state.full = true;
    for (const line of ['two\n', 'three\n', 'four\n']) output.write(line);
    state.full = false;
    for (const line of ['five\n', 'six\n']) output.write(line);
    expect(state.text).toBe('one\n3 lost, ENOSPC: no space left on device\nfive\nsix\n');
  });

  it('finding B1: do not continue a line of which only the beginning found room', () => {
    const { state, output } = disk();
    state.full = true;
    state.room = 3;
    output.write('beginning\n');
    output.write('lost\n');
    state.full = false;
    output.write('whole\n');
    expect(state.text).toBe('beg\n2 lost, ENOSPC: no space left on device\nwhole\n');
  });
});
