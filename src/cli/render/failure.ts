import { colours } from '../colour.ts';
import type { Failure } from '../failure.ts';

/** `Error: what failed, and why. [E_CODE]` and, per suggestion, `  Try: command`. */
export function renderFailure(failure: Failure, colour: boolean): string {
  const paint = colours(colour);
  const lines = [`${paint.red.bold('Error:')} ${printable(failure.message)} ${paint.dim(`[${failure.code}]`)}`];
  for (const suggestion of failure.suggestions) lines.push(`  ${paint.bold('Try:')} ${printable(suggestion)}`);
  return `${lines.join('\n')}\n`;
}

/** Line breaks stay; whatever else could move the cursor of a terminal does not. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ');
}
