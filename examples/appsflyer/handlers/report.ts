// An aggregate report as rows of af_data. Columns are found by the name in the header: the service leaves some out and
// puts them in no promised order. A header without a column of its own is kept in `extra`, so nothing is dropped.
import { parseCsv } from './csv.ts';

export interface DataRow {
  date: string;
  country: string;
  agency: string;
  media_source: string;
  campaign: string;
  /** Column of af_data → decimal text as the service wrote it; null = it has none. */
  figures: Record<string, string | null>;
  extra: Record<string, string>;
}

/** Reports by day: the others cannot be split into days. */
export const REPORTS = ['partners_by_date_report', 'geo_by_date_report', 'daily_report'];

const TEXTS: Record<string, 'date' | 'country' | 'agency' | 'media_source' | 'campaign'> = {
  Date: 'date',
  Country: 'country',
  'Agency/PMD (af_prt)': 'agency',
  'Media Source (pid)': 'media_source',
  'Campaign (c)': 'campaign',
};

/** Header → column of af_data. */
export const FIGURE_COLUMNS: Record<string, string> = {
  Impressions: 'impressions',
  Clicks: 'clicks',
  CTR: 'ctr',
  Installs: 'installs',
  'Conversion Rate': 'conversion_rate',
  Sessions: 'sessions',
  'Loyal Users': 'loyal_users',
  'Loyal Users/Installs': 'loyal_users_per_install',
  'Total Revenue': 'total_revenue',
  'Total Cost': 'total_cost',
  ROI: 'roi',
  ARPU: 'arpu',
  'Average eCPI': 'average_ecpi',
};

/** Rows of the report's text. Throws when it is not such a report, or when a figure is not a number. */
export function parseReport(text: string, from: string, to: string): DataRow[] {
  const [header, ...lines] = parseCsv(text).filter((fields) => fields.length > 1 || fields[0] !== '');
  const names = (header ?? []).map((name) => name.trim());
  for (const name of ['Date', 'Media Source (pid)']) {
    if (!names.includes(name)) throw new Error(`The report has no column "${name}".`);
  }
  const seen = new Set<string>();
  return lines.map((fields, index) => {
    const where = `line ${index + 2} of the report`;
    if (fields.length !== names.length) {
      throw new Error(`${where} has ${fields.length} fields, the header ${names.length}.`);
    }
    const row: DataRow = {
      date: '',
      country: '',
      agency: '',
      media_source: '',
      campaign: '',
      figures: Object.fromEntries(Object.values(FIGURE_COLUMNS).map((column) => [column, null])),
      extra: {},
    };
    names.forEach((name, column) => {
      const value = present(fields[column]!);
      const text = TEXTS[name];
      const figure = FIGURE_COLUMNS[name];
      if (text !== undefined) row[text] = value ?? '';
      else if (figure !== undefined) row.figures[figure] = value === null ? null : decimal(value, name, where);
      else if (value !== null) row.extra[name] = value;
    });
    if (row.date < from || row.date > to) throw new Error(`${where} is about "${row.date}", not ${from} to ${to}.`);
    const key = JSON.stringify([row.date, row.country, row.agency, row.media_source, row.campaign]);
    if (seen.has(key)) throw new Error(`${where} repeats ${key}.`);
    seen.add(key);
    return row;
  });
}

/** The service writes a missing value as nothing, N/A or NULL. */
function present(field: string): string | null {
  const value = field.trim();
  return value === '' || value === 'N/A' || value === 'NULL' ? null : value;
}

function decimal(value: string, name: string, where: string): string {
  if (/^[+-]?\d+(\.\d+)?$/.test(value)) return value;
  throw new Error(`${where}: ${name} is "${value}", not a number.`);
}
