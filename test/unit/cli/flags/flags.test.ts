import { describe, expect, it } from 'vitest';
import { parseJsonObject, parseWhen } from '../../../../src/cli/flags/flags.ts';

describe('a moment on the command line', () => {
  it.each([
    ['now', { from_now_s: 0 }],
    ['2h', { from_now_s: 7200 }],
    ['+90s', { from_now_s: 90 }],
    ['1.5m', { from_now_s: 90 }],
    ['yesterday', { days_from_today: -1 }],
    ['Tomorrow', { days_from_today: 1 }],
    ['2024-01-31', { at: '2024-01-31T00:00:00.000Z' }],
    ['2024-01-31T12:30', { at: '2024-01-31T12:30:00.000Z' }],
    ['2024-01-31 12:30:15', { at: '2024-01-31T12:30:15.000Z' }],
    ['2024-01-31T12:30:00+0800', { at: '2024-01-31T04:30:00.000Z' }],
    ['2024-01-31t12:30:00.25z', { at: '2024-01-31T12:30:00.250Z' }],
  ])('%s is understood', (text, when) => {
    expect(parseWhen(text, 'ahead')).toEqual(when);
  });

  it('is behind now when a duration is asked for as the past', () => {
    expect(parseWhen('2h', 'ago')).toEqual({ from_now_s: -7200 });
  });

  it.each(['', '2024', '2024-02-31', '2024-13-01', '12:30', 'soon', '-2h', '2024-01-31T25:00', '2 weeks'])(
    '"%s" is refused with what to write',
    (text) => {
      expect(() => parseWhen(text, 'ahead')).toThrow(/is not a time: write 2024-01-31/);
    },
  );
});

it('finding B11: says the words that a moment of the past, and one to come, may be', () => {
  expect(() => parseWhen('soon', 'ago')).toThrow(/2h \(before now\), yesterday, today or now$/);
  expect(() => parseWhen('soon', 'ahead')).toThrow(/2h, now, today or tomorrow$/);
});

describe('JSON on the command line', () => {
  it('must be an object', () => {
    expect(parseJsonObject('{"a": [1]}')).toEqual({ a: [1] });
    for (const text of ['[1]', '5', 'null', '"x"'])
      expect(() => parseJsonObject(text)).toThrow(/must be a JSON object/);
  });

  it('is refused with a hint at the shell', () => {
    expect(() => parseJsonObject('{a: 1}')).toThrow(/"\{a: 1\}" is not JSON .*quote it for the shell/);
  });
});
