import { redact, redactText } from '../../domain/redaction/redact.ts';
import type { HandlerLog } from '../handler.ts';
import type { FromThread } from './handler-thread-messages.ts';

/** The log of a module's hooks in a thread or process: its lines go to the worker, and belong to no attempt. */
export function placeLog(task_type: string, say: (message: FromThread) => void): HandlerLog {
  const line = (level: keyof HandlerLog) => (text: string, fields?: Record<string, unknown>) => {
    const copy = fields === undefined ? undefined : (redact(fields) as Record<string, unknown>);
    say({ kind: 'place-log', task_type, level, message: redactText(String(text)), fields: copy });
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
