// What an import says when it ends early: the cause, how much is in, and how to go on.
import { AfdError } from '../domain/errors.ts';
import type { ImportResult } from './import-result.ts';
import { NOT_UTF8 } from './import-row.ts';

/** The command as it was typed, without --from-line: what is proposed begins with it. */
export interface TypedImport {
  again: string;
  /** What goes on in the batch that was made: its id is to be added. */
  intoBatch: { command: string; seal: string };
  /** The same with "-" in place of the file, and what to write in front of it to read that file. */
  piped: { command: string; file: string };
}

interface Stopped {
  typed: TypedImport;
  /** As it was given. */
  fromLine: number | undefined;
  nothing: boolean;
  skippable: boolean;
}

/**
 * A row was bad, or the input cannot be read on. `nothing`: none of the rows was to go in. `skippable`: it is this row
 * alone, so --skip-bad gets over it.
 */
export function stoppedByRow(
  error: AfdError,
  result: ImportResult,
  { typed, fromLine, nothing, skippable }: Stopped,
): AfdError {
  const line = typeof error.data.line === 'number' ? error.data.line : undefined;
  const went = nothing ? 'Nothing was added.' : whatIsIn(result);
  // What is in goes in a second time where rows have no dedupe key: each proposal begins behind it.
  const begun = line !== undefined && !nothing && (result.lines > 0 || fromLine !== undefined);
  const from = begun ? line : fromLine;
  const on = (command: string) => (from === undefined ? command : goOn(command, from));
  const { piped } = typed;
  const again = commandFor(typed, result);
  const next = [
    ...(error.data.problem === NOT_UTF8 ? [`iconv -f GB18030 -t UTF-8${piped.file} | ${on(piped.command)}`] : []),
    ...(begun ? [on(again)] : []),
    ...(skippable ? [`${on(again)} --skip-bad`] : []),
  ];
  return new AfdError(error.code, `${error.message} ${went}`, {
    suggestions: [...error.suggestions, ...next],
    data: { ...counts(result), ...error.data },
    cause: error,
  });
}

/** `unknown`: the connection was lost, so the last chunk may be in or not. */
export function stoppedByDatabase(
  error: unknown,
  result: ImportResult,
  { upTo, typed, unknown }: { upTo: number; typed: TypedImport; unknown: boolean },
): unknown {
  if (!(error instanceof AfdError)) return error;
  const from = result.lines + 1;
  const last = unknown
    ? ` It is unknown whether lines ${from} to ${upTo} were added; if they have dedupe keys, importing them again is safe.`
    : ` Lines ${from} to ${upTo} were not added.`;
  return new AfdError(error.code, `${error.message} ${whatIsIn(result)}${last}`, {
    suggestions: [goOn(commandFor(typed, result), from), ...error.suggestions],
    data: { ...error.data, ...counts(result), unknown_lines: unknown ? { from, to: upTo } : null },
    cause: error,
  });
}

function whatIsIn({ added, existing, lines }: ImportResult): string {
  if (added + existing === 0) return 'Nothing was added.';
  const old = existing === 0 ? '' : `, ${existing} already existed`;
  return `${added} ${added === 1 ? 'task was' : 'tasks were'} added${old}; all rows up to line ${lines} are complete.`;
}

/** What goes on must add to the batch that was made, which is open still. */
export function commandFor({ again, intoBatch }: TypedImport, { batch_id }: ImportResult): string {
  return batch_id === null ? again : `${intoBatch.command} --batch-id ${batch_id}${intoBatch.seal}`;
}

function goOn(command: string, line: number): string {
  return `${command} --from-line ${line}`;
}

function counts({ added, existing, bad, lines, batch_id }: ImportResult) {
  return { added, existing, bad, lines, batch_id };
}
