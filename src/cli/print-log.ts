import { once } from 'node:events';
import { escapeInJson } from '../core/log/terminal-text.ts';
import type { LogEntry } from '../core/logs/log-entry.ts';
import { type LogRenderOptions, renderLogEntry } from './render/log-entry.ts';

/** How entries are written: as text, each as a line of JSON, or kept for one JSON document. */
export type LogPrinting = { as: 'text'; options: LogRenderOptions } | { as: 'json-lines' } | { as: 'document' };

/**
 * Writes the entries as they come, as fast as stdout takes them. Ends when they end, or when the reader of stdout has left.
 * Returns those that are kept.
 */
export async function printLog(
  entries: AsyncIterable<LogEntry>,
  printing: LogPrinting,
  stdout: NodeJS.WriteStream,
): Promise<LogEntry[]> {
  const kept: LogEntry[] = [];
  const gone = new AbortController();
  stdout.once('close', () => gone.abort());
  for await (const entry of entries) {
    if (printing.as === 'document') {
      kept.push(entry);
      continue;
    }
    const json = printing.as === 'json-lines';
    const line = json ? escapeInJson(JSON.stringify(entry)) : renderLogEntry(entry, printing.options);
    if (stdout.destroyed || gone.signal.aborted) break;
    // A refused write also ends the wait; the command reports its error when it ends. No wait leaves a listener behind.
    if (!stdout.write(`${line}\n`)) await once(stdout, 'drain', { signal: gone.signal }).catch(() => {});
  }
  return kept;
}
