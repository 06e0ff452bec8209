import type { AppliedSettings } from '../../core/settings/apply-settings.ts';
import type { ConfigValue, ConfigView } from '../../core/settings/config-view.ts';
import { type Column, renderTable } from './table.ts';
import { printable } from './text.ts';

const MOST_LINES = 20;
/** The longest cell last: the columns before it stand near each other, also in a pipe. */
const COLUMNS: Column<ConfigValue>[] = [
  { header: 'KEY', value: ({ key }) => key, id: true },
  { header: 'ORIGIN', value: originOf, wrap: MOST_LINES },
  { header: 'VALUE', value: ({ value }) => shown(value), wrap: MOST_LINES },
];

export function renderConfig(view: ConfigView, { width }: { width: number }): string {
  const { file, fleet, values } = view;
  const reason = fleet.reason === null ? '' : `: ${fleet.reason}`;
  return [
    printable(`file   ${file ?? 'none'}`),
    printable(
      `fleet  ${fleet.read ? 'settings read from the database' : `settings not read from the database${reason}`}`,
    ),
    '',
    renderTable(COLUMNS, values.flatMap(lines), width),
  ].join('\n');
}

export function renderApplied({ dry_run, changes, unchanged }: AppliedSettings): string {
  const same =
    unchanged.length === 0
      ? ''
      : ` ${unchanged.length} setting${unchanged.length === 1 ? ' is' : 's are'} already published.`;
  if (changes.length === 0) {
    return unchanged.length === 0
      ? 'Nothing to publish: this configuration sets no fleet-wide setting.'
      : `Nothing to change:${same}`;
  }
  const lines = changes.map(({ key, from, to, from_by }) => {
    const before = from === null ? 'was not set' : `was ${shown(from)}${from_by === null ? '' : `, set by ${from_by}`}`;
    return printable(`  ${key} = ${shown(to)} (${before})`);
  });
  const head = dry_run ? 'Would publish these fleet-wide settings:' : 'Published these fleet-wide settings:';
  return [head, ...lines, ...(same === '' ? [] : [same.trim()])].join('\n');
}

/** A value with parts, such as `handlers`, has a line for each of them. */
function lines(one: ConfigValue): ConfigValue[] {
  const { key, value, origin } = one;
  const parts = isParts(value) ? Object.entries(value) : [];
  if (parts.length === 0 || one.own !== undefined) return [one];
  return parts.flatMap(([name, part]) => lines({ key: `${key}.${name}`, value: part, origin }));
}

function isParts(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function originOf({ origin, own }: ConfigValue): string {
  return own === undefined ? origin : `${origin} (local value ${shown(own.value)}, ${own.origin})`;
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
