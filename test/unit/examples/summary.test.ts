import { describe, expect, it } from 'vitest';
import { type Facts, judge, renderSummary } from '../../../examples/appsflyer/quickstart/summary.ts';

const device = (device_id: string, lost = 0) => ({
  ...{ device_id, status: 'online', slots: 2, held: 0, completed: 5, lost },
});
const good: Facts = {
  database: 'MariaDB',
  plans: ['one', 'two'].map((device_id) => ({ device_id, slots: 2, task_types: [], capabilities: {} })),
  total: 10,
  final: { tasks: { done: 10 }, devices: [device('one'), device('two', 3)], leader: null },
  attempts: { by_status: { completed: 10, lost: 3 }, not_once: [], open: 0, unexplained: 0, seconds: 6 },
  kill: {
    ...{ device_id: 'two', held: 3, was_leader: false, lost: 3, causes: ['lock'], task_ids: [4, 5, 6] },
    ...{ taken_back_s: 0.7, restarted_s: 0.9 },
  },
  comparison: {
    ...{ rows_expected: 7, rows_stored: 7, figures: 99 },
    ...{ missing: [], unexpected: [], doubled: [], different: [] },
  },
  ends: { one: { code: 0, signal: null } },
  answers: { 200: 12, 403: 1 },
  served: 8,
  wanted: 8,
  python: 'skipped: there is no python3',
  seconds: { crawl: 6, total: 12 },
};

describe('the verdict of the quickstart', () => {
  it('is good when everything was done once and stored once; it names what was skipped, and how to go on', () => {
    const result = judge(good);
    expect(result).toMatchObject({ ok: true, problems: [], stored: { figures: 99, missing: 0, doubled: 0 } });
    expect(result.devices.map(({ ended }) => ended)).toEqual(['exit 0', 'SIGKILL']);
    const text = renderSummary(result, true);
    for (const said of ['skipped: there is no python3', 'nothing missing, nothing twice', 'db stop'])
      expect(text).toContain(said);
  });

  const bad: [string, Partial<Facts>, RegExp][] = [
    ['a task is not done', { final: { ...good.final, tasks: { done: 9, failed: 1 } } }, /9 of 10 tasks/],
    ['a task was completed twice', { attempts: { ...good.attempts, not_once: [4] } }, /exactly once: tasks 4/],
    ['an attempt is still open', { attempts: { ...good.attempts, open: 1 } }, /1 attempts are still open/],
    ['an attempt was lost without a reason', { attempts: { ...good.attempts, unexplained: 1 } }, /without a reason/],
    ['the killed worker held nothing', { kill: { ...good.kill, held: 0, lost: 0 } }, /lost nothing/],
    ['a report was never fetched', { served: 7 }, /7 of 8 reports/],
    ['a row is missing', { comparison: { ...good.comparison, missing: ['["a"]'] } }, /rows missing: 1/],
    [
      'a figure differs',
      { comparison: { ...good.comparison, different: [{ row: 'r', column: 'roi', expected: '1', stored: '2' }] } },
      /figures that differ: 1, e.g. roi 2 in place of 1/,
    ],
    ['a worker did not end well', { ends: { one: { code: 143, signal: null } } }, /one ended with 143/],
  ];
  it.each(bad)('is bad when %s', (_, change, sentence) => {
    const result = judge({ ...good, ...change });
    expect(result.ok).toBe(false);
    expect(result.problems.join('\n')).toMatch(sentence);
    expect(renderSummary(result, false)).toMatch(sentence);
  });
});
