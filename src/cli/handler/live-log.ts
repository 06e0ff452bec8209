// What a handler prints and logs, shown as it comes: its stdout and stderr as they are, its log lines with their level.
import type { Log, LogFields, LogLevel } from '../../core/log/log.ts';
import { redact, redactText } from '../../core/log/redact.ts';
import { escapeSpecial } from '../../core/log/terminal-text.ts';
import { colours } from '../render/colour.ts';

/** The folder of afd's code, as a stack names it. */
const OWN = new URL('../../core/', import.meta.url).href;

export interface LiveOutput {
  /** Takes a line with its end. */
  stdout(line: string): void;
  stderr(line: string): void;
  colour: boolean;
}

/** Passwords and the like are masked, as in the log of a worker. */
export function liveLog(output: LiveOutput): Log {
  const paint = colours(output.colour);
  const paints = { debug: paint.dim, info: paint.cyan, warn: paint.yellow, error: paint.red };
  const write =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields: LogFields = {}) => {
      const text = redactText(String(message));
      const { stream, stack, ...others } = redact(fields) as LogFields;
      if (stream === 'stdout' || stream === 'stderr') {
        output[stream](`${shown(text)}\n`);
        return;
      }
      const shownFields = Object.entries(others).map(
        ([key, value]) => ` ${shown(key)}=${shown(JSON.stringify(value))}`,
      );
      output.stderr(`${paints[level](level.toUpperCase().padEnd(5))} ${shown(text)}${shownFields.join('')}\n`);
      if (typeof stack === 'string')
        for (const line of ofHandler(stack))
          output.stderr(`      ${shown(line)}
`);
    };
  const log: Log = {
    ...{ debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    enabled: () => true,
    // There is one task: its id and type need not stand in every line.
    child: () => log,
    setDevice: () => {},
    hide: () => {},
  };
  return log;
}

/** A stack without the part that belongs to afd, which called the handler. */
function ofHandler(stack: string): string[] {
  const lines = stack.split('\n');
  const own = lines.findIndex((line) => line.includes(OWN));
  return own > 0 ? lines.slice(0, own) : lines;
}

/** Tabs may stay: they neither move the cursor back nor end the line. */
function shown(text: string | undefined): string {
  return (text ?? 'undefined').split('\t').map(escapeSpecial).join('\t');
}
