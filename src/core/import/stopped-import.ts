// What an import says when it ends early: the cause, how much is in, and how to go on.
import { AfdError } from '../domain/errors.ts';
import type { ImportResult } from './import-result.ts';
import type { ImportInput } from './input-start.ts';

/** A row was bad, or the input cannot be read on. `nothing`: none of the rows was to go in. */
export function stoppedByRow(
  error: AfdError,
  result: ImportResult,
  { input, nothing }: { input: ImportInput; nothing: boolean },
): AfdError {
  const line = typeof error.data.line === 'number' ? error.data.line : undefined;
  const went = nothing ? 'Nothing was added.' : whatIsIn(result);
  const again = [
    ...(line === undefined || nothing || result.lines === 0 ? [] : [goOn(input, line)]),
    ...(line === undefined || line === 1 ? [] : [`afd tasks import ${input.name} --skip-bad`]),
  ];
  return new AfdError(error.code, `${error.message} ${went}`, {
    suggestions: [...error.suggestions, ...again],
    data: { ...counts(result), ...error.data },
    cause: error,
  });
}

/** `unknown`: the connection was lost, so the last chunk may be in or not. */
export function stoppedByDatabase(
  error: unknown,
  result: ImportResult,
  { upTo, input, unknown }: { upTo: number; input: ImportInput; unknown: boolean },
): unknown {
  if (!(error instanceof AfdError)) return error;
  const from = result.lines + 1;
  const last = unknown
    ? ` Whether lines ${from} to ${upTo} are in is not known: with dedupe keys they may be sent again.`
    : ` Nothing of lines ${from} to ${upTo} is in.`;
  return new AfdError(error.code, `${error.message} ${whatIsIn(result)}${last}`, {
    suggestions: [goOn(input, from), ...error.suggestions],
    data: { ...error.data, ...counts(result), unknown_lines: unknown ? { from, to: upTo } : null },
    cause: error,
  });
}

function whatIsIn({ added, existing, lines }: ImportResult): string {
  if (added + existing === 0) return 'Nothing was added.';
  const old = existing === 0 ? '' : `, ${existing} were there already`;
  return `${added} tasks were added${old}: everything up to line ${lines} is in.`;
}

function goOn(input: ImportInput, line: number): string {
  return `afd tasks import ${input.name} --from-line ${line}`;
}

function counts({ added, existing, bad, lines }: ImportResult) {
  return { added, existing, bad, lines };
}
