import type { Batch, ShownBatch } from '../../core/batches/batches.ts';
import { renderTable } from './table.ts';
import { printable } from './text.ts';

export function renderBatches(batches: Batch[], width: number): string {
  if (batches.length === 0) return 'There are no batches. Make one with "afd tasks import FILE --batch NAME".';
  return renderTable<Batch>(
    [
      { header: 'BATCH', value: (one) => one.batch_id, align: 'right' },
      { header: 'NAME', value: (one) => one.name, flexible: true },
      { header: 'STATE', value: (one) => one.state },
      { header: 'CREATED', optional: true, value: (one) => one.created_at },
      { header: 'ENDED', optional: true, value: (one) => one.ended_at ?? '' },
      { header: 'BY', value: (one) => one.created_by, flexible: true },
    ],
    batches,
    width,
  );
}

export function renderBatch(batch: ShownBatch): string {
  const counts = Object.entries(batch.counts)
    .filter(([, { count }]) => count > 0)
    .map(([status, { count, exact }]) => `${count}${exact ? '' : '+'} ${status}`);
  const facts: Array<[string, string]> = [
    ['Batch', String(batch.batch_id)],
    ['Name', batch.name],
    ['State', batch.state],
    ['Tasks', counts.length === 0 ? 'none' : counts.join(', ')],
    ['Created', `${batch.created_at} by ${batch.created_by}`],
    ['Sealed', batch.sealed_at ?? ''],
    ['Ended', batch.ended_at ?? ''],
  ];
  return facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(8)} ${printable(value)}`)
    .join('\n');
}
