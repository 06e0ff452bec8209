// Reports as CSV text, with the documented headers.
import { EVENTS, type FigureName, type StubRow } from './world.ts';

/** Aggregate reports, and which columns each begins with. */
export const AGGREGATE_REPORTS: Record<string, { date: boolean; country: boolean }> = {
  daily_report: { date: true, country: false },
  partners_report: { date: false, country: false },
  partners_by_date_report: { date: true, country: false },
  geo_report: { date: false, country: true },
  geo_by_date_report: { date: true, country: true },
};

export const RAW_REPORTS = [
  'installs_report',
  'in_app_events_report',
  'uninstall_events_report',
  'organic_installs_report',
  'organic_in_app_events_report',
];

const FIGURE_HEADERS: [string, FigureName][] = [
  ['Impressions', 'impressions'],
  ['Clicks', 'clicks'],
  ['CTR', 'ctr'],
  ['Installs', 'installs'],
  ['Conversion Rate', 'conversion_rate'],
  ['Sessions', 'sessions'],
  ['Loyal Users', 'loyal_users'],
  ['Loyal Users/Installs', 'loyal_users_per_install'],
  ['Total Revenue', 'total_revenue'],
  ['Total Cost', 'total_cost'],
  ['ROI', 'roi'],
  ['ARPU', 'arpu'],
  ['Average eCPI', 'average_ecpi'],
];
const MEASURES = ['Unique users', 'Event counter', 'Sales in USD'];
const EVENT_HEADERS = EVENTS.flatMap((event) => MEASURES.map((measure) => `${event} (${measure})`));
/** The service writes a missing value in any of these ways. */
const MISSING = ['N/A', '', 'NULL'];

export function aggregateCsv(report: string, rows: StubRow[]): string {
  const shape = AGGREGATE_REPORTS[report]!;
  const lead = [...(shape.date ? ['Date'] : []), ...(shape.country ? ['Country'] : [])];
  const header = [
    ...lead,
    'Agency/PMD (af_prt)',
    'Media Source (pid)',
    'Campaign (c)',
    ...FIGURE_HEADERS.map(([name]) => name),
    ...EVENT_HEADERS,
  ];
  const lines = rows.map((row, number) => {
    const missing = (column: number) => MISSING[(number + column) % MISSING.length]!;
    return [
      ...(shape.date ? [row.date] : []),
      ...(shape.country ? [row.country] : []),
      row.agency,
      row.media_source,
      row.campaign,
      ...FIGURE_HEADERS.map(([, figure], column) => row.figures[figure] ?? missing(column)),
      ...EVENT_HEADERS.map((name, column) => row.extra[name] ?? missing(column)),
    ];
  });
  return [header, ...lines].map(csvLine).join('');
}

/** One install per row of the day, newest first, as raw reports are. */
export function rawCsv(rows: StubRow[]): string {
  const header = [
    'Attributed Touch Type',
    'Attributed Touch Time',
    'Install Time',
    'Event Time',
    'Event Name',
    'Event Value',
    'Media Source',
    'Campaign',
  ];
  const lines = rows.map((row, index) => {
    const time = `${row.date} 12:${String(59 - (index % 60)).padStart(2, '0')}:00`;
    const touch = row.media_source === 'Organic' ? ['', ''] : ['click', time];
    return [...touch, time, time, 'install', '', row.media_source, row.campaign];
  });
  return [header, ...lines].map(csvLine).join('');
}

function csvLine(fields: string[]): string {
  return `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\n`;
}
