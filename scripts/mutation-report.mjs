// Reads Stryker's report, and compares its survivors with those that are listed with a reason.

/** @typedef {{ file: string, was: string, becomes: string }} Survivor: the expression, and what nobody noticed in its place */

const NOTICED = new Set(['Killed', 'Timeout']);
const UNNOTICED = new Set(['Survived', 'NoCoverage']);

/** Per cent. Mutants that do not compile, and those that Stryker was configured to leave out, are not counted. */
export function scoreOf({ files }) {
  const mutants = Object.values(files).flatMap((one) => one.mutants);
  const killed = mutants.filter((one) => NOTICED.has(one.status)).length;
  const all = killed + mutants.filter((one) => UNNOTICED.has(one.status)).length;
  return { score: all === 0 ? 0 : (100 * killed) / all, killed, all };
}

/**
 * `unlisted`: survivors without a reason. `stale`: listed ones of these files that were noticed after all, or are gone; one
 * that ran out of time is neither, since a busy machine can do that. One entry stands for all equal expressions of a file.
 */
export function judged({ files }, listed) {
  const all = Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants.map((one) => ({
      file,
      line: one.location.start.line,
      was: short(cut(source, one.location)),
      becomes: short(one.replacement ?? one.mutatorName),
      status: one.status,
    })),
  );
  const survivors = all.filter((one) => UNNOTICED.has(one.status));
  const late = all.filter((one) => one.status === 'Timeout');
  const same = (a, b) => a.file === b.file && a.was === b.was && a.becomes === b.becomes;
  return {
    survivors,
    unlisted: survivors.filter((one) => !listed.some((entry) => same(entry, one))),
    stale: listed.filter((entry) => entry.file in files && ![...survivors, ...late].some((one) => same(entry, one))),
  };
}

/** The piece of source between two places; lines and columns count from 1. */
function cut(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join('\n');
}

/** On one line, and not longer than needed to know it again. */
function short(text) {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
