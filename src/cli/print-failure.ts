import type { Failure } from './failure.ts';
import { colours } from './render/colour.ts';
import { printable } from './render/text.ts';

/** `Error: what failed, and why. [E_CODE]` and, per suggestion, `  Try: command`. */
export function renderFailure(failure: Failure, colour: boolean): string {
  const paint = colours(colour);
  const text = [`${paint.red.bold('Error:')} ${lines(failure.message)} ${paint.dim(`[${failure.code}]`)}`];
  for (const suggestion of failure.suggestions) text.push(`  ${paint.bold('Try:')} ${printable(suggestion)}`);
  return `${text.join('\n')}\n`;
}

/** Line breaks stay: a list of problems has one each. */
function lines(message: string): string {
  return message.split('\n').map(printable).join('\n');
}
