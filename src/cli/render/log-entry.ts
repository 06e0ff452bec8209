import type { LogEntry } from '../../core/logs/log-entry.ts';
import { colours } from './colour.ts';
import { printable } from './text.ts';

export interface LogRenderOptions {
  colour: boolean;
  /** Print the task and the attempt with each line: the lines of several are mixed. */
  named: boolean;
}

/** One entry as a line, without its end. */
export function renderLogEntry(entry: LogEntry, { colour, named }: LogRenderOptions): string {
  const paint = colours(colour);
  switch (entry.kind) {
    case 'line': {
      const { stream, level, text } = entry;
      const name = named ? `${entry.task_id}/${entry.attempt} ` : '';
      const head = `${entry.time.slice(0, -1).replace('T', ' ')} ${name}${(level ?? stream).padEnd(6)} `;
      const tabs = text.replaceAll('\t', '    ');
      const red = stream === 'stderr' || level === 'error';
      const shown = printable(tabs);
      return paint.dim(head) + (red ? paint.red(shown) : stream === 'afd' ? paint.cyan(shown) : shown);
    }
    case 'gap':
      return paint.yellow(
        `${named ? `${entry.task_id}/${entry.attempt}: ` : ''}… ${bytes(entry.dropped_bytes)} of output not kept …`,
      );
    case 'unreadable':
      return paint.yellow(printable(entry.message));
    case 'attempt':
      return paint.bold(
        `── Task ${entry.task_id} (${printable(entry.task_type)}), attempt ${entry.attempt} on ${printable(entry.device_id)} ──`,
      );
    case 'attempt_end': {
      const why = entry.error_message ?? entry.cause;
      const end = `── Attempt ${entry.attempt} on ${printable(entry.device_id)}: ${printable(entry.status)}`;
      return paint.bold(why === null ? `${end} ──` : `${end}: ${printable(why.split('\n', 1)[0]!.slice(0, 300))} ──`);
    }
    case 'task_end':
      return paint.bold(`── Task ${entry.task_id} is ${printable(entry.status)}. ──`);
  }
}

function bytes(count: number): string {
  if (count < 10_000) return `${count} bytes`;
  if (count < 10_000_000) return `${Math.round(count / 1000)} kB`;
  return `${(count / 1_000_000).toFixed(0)} MB`;
}
