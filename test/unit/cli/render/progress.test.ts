import { describe, expect, it } from 'vitest';
import { cpu, memory, metricsLine, progressLine, progressShort } from '../../../../src/cli/render/progress.ts';
import type { ProgressRecord } from '../../../../src/core/domain/task/progress.ts';

const reported = (more: Partial<ProgressRecord> = {}): ProgressRecord => ({
  ...{ done: 430, total: 1000, message: 'page 43', remaining: 300, metrics: {} },
  ...{ peak_memory: null, cpu_ms: null, updated_at: '2026-11-24T08:00:00.000Z' },
  ...more,
});

describe('progress in words', () => {
  it.each([
    ['all of it', reported(), '████████░░░░░░░░░░░░ 43 %, 430 of 1000, about 5 min left: page 43'],
    ['without a total', reported({ total: null, remaining: null }), '430: page 43'],
    ['a total of nothing', reported({ done: 0, total: 0, remaining: null, message: null }), '0 of 0'],
    [
      'more than its total',
      reported({ done: 12, total: 10, remaining: null, message: null }),
      `${'█'.repeat(20)} 100 %, 12 of 10`,
    ],
    ['a part of a unit', reported({ done: 0.333333333, total: null, remaining: null, message: null }), '0.333333'],
    ['figures only', reported({ done: null }), ''],
    ['nothing', null, ''],
  ])('%s', (_what, progress, line) => {
    expect(progressLine(progress)).toBe(line);
  });

  it('is not 100 % before the end', () => {
    expect(progressShort(reported({ done: 999 }))).toBe('99 %');
  });

  it('shows figures with their units', () => {
    const figures = reported({ metrics: { rows: 12, rate: 0.25 }, peak_memory: 3 * 1024 ** 2, cpu_ms: 1234 });
    expect([metricsLine(figures), memory(figures), cpu(figures)]).toEqual(['rows 12, rate 0.25', '3.0 MiB', '1.2 s']);
    expect([memory(reported({ peak_memory: 5e9 })), cpu(reported({ cpu_ms: 600_000 }))]).toEqual([
      '4768 MiB',
      '10 min',
    ]);
    expect([metricsLine(null), memory(null), cpu(null)]).toEqual(['', '', '']);
  });
});
