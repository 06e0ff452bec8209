import type { BenchResult, Rate } from '../../core/benchmark/benchmark.ts';
import { counted } from '../../core/counted.ts';
import { renderTable } from './table.ts';
import { printable } from './text.ts';

interface Line {
  what: string;
  figure: string;
  detail: string;
}

export function renderBench(result: BenchResult, width: number): string {
  const { database: db, workers, slots, latency } = result;
  const binlog = db.log_bin ? `sync_binlog=${db.sync_binlog}` : 'no binary log';
  const per = (what: string, one: Rate): Line => ({
    what,
    figure: `${one.tasks_per_s.toLocaleString('en')} tasks/s`,
    detail: `${one.tasks.toLocaleString('en')} tasks in ${one.seconds} s`,
  });
  const lines = [
    per('add, 1,000 tasks per call', result.enqueue_bulk),
    per('add, one task per call, 10 calls at once', result.enqueue_single),
    per(`execute, ${counted(workers, 'worker')} × ${counted(slots, 'slot')}`, result.drain),
    {
      what: 'latency from adding a task to the start of its handler',
      figure: `${latency.p50_ms} ms`,
      detail: `median of ${latency.tasks}; p99 ${latency.p99_ms} ms, maximum ${latency.max_ms} ms`,
    },
  ];
  const table = renderTable<Line>(
    [
      { header: 'MEASUREMENT', value: (one) => one.what },
      { header: 'RESULT', value: (one) => one.figure, align: 'right' },
      { header: 'DETAILS', value: (one) => one.detail, flexible: true },
    ],
    lines,
    width,
  );
  const flush = `innodb_flush_log_at_trx_commit=${db.innodb_flush_log_at_trx_commit}`;
  return `${printable(`${db.server} ${db.version} at ${db.where}, ${flush}, ${binlog}`)}\n\n${table}`;
}
