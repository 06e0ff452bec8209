// Writes what one run measured into docs/benchmarks.md, between the marks of its workload: no figure there is typed by hand.
//   npm run bench -- drain --write
//   npm run bench -- drain --json > lines; node bench/report.mjs drain < lines     (from JSON lines that were kept)
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tables } from './table.mjs';

const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));

/** `about`: the sentences that come with the table. @throws Error when the page has no place for this workload */
export function writeTables(workload, results, about) {
  for (const [section, table] of Object.entries(tables(workload, results))) {
    // What each peer ran on stands under the workload's own table.
    writeSection(section, table, section === workload ? about : about.filter((one) => !one.startsWith('- ')));
  }
}

function writeSection(name, table, about) {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/benchmarks.md has no marks "${begin}" and "${end}"`);
  const lines = table === '' ? '' : `${table}\n\n${about.map((one) => `${one}\n`).join('')}\n`;
  const text = `${begin}\n\n${lines}`;
  writeFileSync(PAGE, `${page.slice(0, from)}${text}${page.slice(to)}`);
}

/** Lines of `--json`: results, and one `{about: […]}`. */
export function readLines(text) {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  return {
    results: lines.filter((one) => one.workload !== undefined),
    about: lines.flatMap((one) => one.about ?? []),
  };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , workload] = process.argv;
  const { results, about } = readLines(readFileSync(0, 'utf8'));
  writeTables(
    workload,
    results.filter((one) => one.workload === workload),
    about,
  );
}
