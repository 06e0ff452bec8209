import { escapeInJson } from '../../core/log/terminal-text.ts';

/** A result as JSON: indented for a reader, as it is stored for a program. What it says may have been crawled. */
export function renderResult(json: string, terminal: boolean): string {
  return escapeInJson(terminal ? JSON.stringify(JSON.parse(json), null, 2) : json);
}
