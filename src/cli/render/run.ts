import type { HandlerRun } from '../../core/run/handler-run.ts';
import { colours } from './colour.ts';
import { printable } from './text.ts';

/** How a run ended, its result, and what it would have enqueued. */
export function renderRun(run: HandlerRun, { colour }: { colour: boolean }): string {
  const lines = [sentence(run, colour)];
  if (run.outcome === 'done') lines.push(`Result: ${printableJson(run.result)}`);
  const count = run.enqueue.length;
  if (count > 0) {
    lines.push(`A worker would now add ${count === 1 ? '1 task' : `${count} tasks`}; afd run adds none:`);
    for (const task of run.enqueue) lines.push(`  ${printable(JSON.stringify(task))}`);
  }
  return lines.join('\n');
}

function sentence(run: HandlerRun, colour: boolean): string {
  const paint = colours(colour);
  const why = `: ${printable(run.error_message)}`;
  const after = run.after === null ? '' : ` in ${run.after} s`;
  const took = run.duration_ms < 10_000 ? `${run.duration_ms} ms` : `${(run.duration_ms / 1000).toFixed(1)} s`;
  switch (run.outcome) {
    case 'done':
      return `${paint.green('Done')} after ${took}.`;
    case 'retry':
      return `${paint.red('Failed')} after ${took}${why} [${run.error_class}]. A worker would retry it${after || ', if retries are left'}.`;
    case 'permanent':
      return `${paint.red('Failed for good')} after ${took}${why} [${run.error_class}]`;
    case 'later':
      return `${paint.yellow('Not now')}, after ${took}${why}. A worker would try it again${after}.`;
    case 'timeout':
      return printable(run.error_message).replace(/^Timed out/, paint.red('Timed out'));
    case 'released':
      return run.cause === 'stuck'
        ? `${paint.red('Given up')} after ${took}: the handler ignores its abort signal.`
        : `${paint.yellow('Stopped')} after ${took}.`;
  }
}

/** Indented; the text of a result may have been crawled. */
function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).split('\n').map(printable).join('\n');
}
