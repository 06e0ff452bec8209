// Medians of the repetitions, and each as a ratio to afd's: a Markdown table.
import { median } from './median.mjs';
import { WORKLOADS } from './workloads/registry.mjs';

const KEYS = ['peer', 'profile', 'workers', 'slots', 'what'];

/** Markdown by section of the page: the workload's own table, and one for each set of figures that it keeps apart. */
export function tables(workload, results) {
  const { figure, apart = {}, least } = WORKLOADS[workload];
  const away = new Set(Object.values(apart).flat());
  const sections = {
    [workload]: table(
      results.map((one) => only(one, (name) => !away.has(name))),
      figure,
      least,
    ),
  };
  for (const [name, figures] of Object.entries(apart)) {
    const told = results.filter((one) => figures.some((of) => typeof one[of] === 'number'));
    const kept = [...KEYS, 'n', ...figures];
    sections[name] =
      told.length === 0
        ? ''
        : table(
            told.map((one) => only(one, (of) => kept.includes(of))),
            figures[0],
          );
  }
  return sections;
}

function only(result, wanted) {
  return Object.fromEntries(Object.entries(result).filter(([name]) => wanted(name)));
}

/** `least`: a column compares each row with the one that has the fewest of these. */
function table(results, figure, least) {
  const groups = new Map();
  for (const one of results) {
    const key = KEYS.map((name) => one[name] ?? '').join('|');
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rows = [...groups.values()].map((list) => ({ ...list[0], ...medians(list), reps: list.length }));
  const afd = rows.filter((one) => one.peer === 'afd');
  const keys = KEYS.filter((name) => rows.some((one) => one[name] !== undefined));
  const skip = new Set([...KEYS, 'workload', 'rep']);
  const figures = [...new Set(rows.flatMap((one) => Object.keys(one)))].filter((name) => !skip.has(name));
  const ratios = [...new Set(afd.map((one) => one.profile))];
  const withRatios = rows.some((one) => one.peer !== 'afd') && figure !== undefined;
  const fewest = least === undefined ? [] : [`of fewest ${least}`];
  const head = [...keys, ...figures, ...fewest, ...(withRatios ? ratios.map((one) => `afd ${one} / this`) : [])];
  const line = (row) => {
    const ours = (profile) =>
      afd.find((one) => one.profile === profile && KEYS.slice(2).every((name) => one[name] === row[name]));
    const ratio = (profile) => {
      const [a, b] = [ours(profile)?.[figure], row[figure]];
      return a > 0 && b > 0 ? (a / b).toFixed(2) : '';
    };
    const alike = rows.filter((one) => KEYS.every((name) => name === least || one[name] === row[name]));
    const first = alike.reduce((a, b) => (b[least] < a[least] ? b : a), row);
    const compared = fewest.map(() => (first[figure] > 0 ? (row[figure] / first[figure]).toFixed(2) : ''));
    return [
      ...[...keys, ...figures].map((name) => show(row[name])),
      ...compared,
      ...(withRatios ? ratios.map(ratio) : []),
    ];
  };
  return [head, head.map((name) => (keys.includes(name) ? '---' : '--:')), ...rows.map(line)]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** Median of every number that repetitions tell. */
function medians(list) {
  const names = Object.keys(list[0]).filter((name) => typeof list[0][name] === 'number');
  return Object.fromEntries(names.map((name) => [name, median(list.map((one) => one[name]))]));
}

function show(value) {
  if (typeof value !== 'number') return value ?? '';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));
}
