import { expect, it } from 'vitest';
import { ReportValues } from '../../../../../src/core/handlers/report/report-values.ts';

function values() {
  const problems: string[] = [];
  return { values: new ReportValues((problem) => problems.push(problem)), problems };
}

it('keeps the last progress and the last value of each metric', () => {
  const { values: kept, problems } = values();
  kept.setProgress(1);
  kept.setProgress(3, 10, 'page 3');
  kept.setMetric('rows', 1);
  kept.setMetric('rows', -2.5);
  expect(kept.progress).toEqual({ done: 3, total: 10, message: 'page 3' });
  expect([...kept.metrics]).toEqual([['rows', -2.5]]);
  expect(problems).toEqual([]);
});

it.each([
  ['a negative number', -1, 1, undefined],
  ['a text as number', '3', 1, undefined],
  ['an infinite total', 1, Number.POSITIVE_INFINITY, undefined],
  ['a message that is an object', 1, 1, {}],
])('leaves out %s, without throwing', (_what, done, total, message) => {
  const { values: kept, problems } = values();
  kept.setProgress(2, 4);
  expect(kept.setProgress(done, total, message)).toBe(false);
  expect(kept.progress).toEqual({ done: 2, total: 4, message: null });
  expect(problems).toHaveLength(1);
});

it('keeps 32 metrics; a further name is left out, a known one still changes, and that is said once', () => {
  const { values: kept, problems } = values();
  for (let n = 0; n < 40; n += 1) kept.setMetric(`m${n}`, n);
  kept.setMetric('m0', 100);
  kept.setMetric('m1', Number.NaN);
  expect(kept.metrics.size).toBe(32);
  expect([kept.metrics.get('m0'), kept.metrics.get('m1')]).toEqual([100, 1]);
  expect(problems).toEqual([expect.stringContaining('metric m32: an attempt has at most 32 metrics')]);
});

it('a message is one clean line of at most 255 characters', () => {
  const { values: kept } = values();
  kept.setProgress(1, null, `\u001b[31mpage\n\t7\u0007 ${'😀'.repeat(300)}`);
  const message = kept.progress!.message!;
  expect(message.startsWith('page 7 😀')).toBe(true);
  expect([...message]).toHaveLength(255);
  expect(message.endsWith('…')).toBe(true);
});
