import { describe, expect, it } from 'vitest';
import { CsvError, parseCsv } from '../../../examples/appsflyer/handlers/csv.ts';
import { parseReport } from '../../../examples/appsflyer/handlers/report.ts';

const day = '2026-01-05';
const parse = (text: string) => parseReport(text, day, day);

describe('parseReport', () => {
  it('finds columns by name, in any order; what is left out, N/A or NULL is missing, and other columns are kept', () => {
    const header = 'Clicks,Date,Media Source (pid),Campaign (c),CTR,ROI,ARPU,"a, b (Event counter)",New';
    const [row] = parse(`${header}\n12,${day},Example Net,N/A,,N/A,NULL,7,\n`);
    expect(row).toMatchObject({ date: day, media_source: 'Example Net', campaign: '', agency: '' });
    const none = { impressions: null, total_cost: null, ctr: null, roi: null, arpu: null };
    expect(row!.figures).toMatchObject({ clicks: '12', ...none });
    expect(row!.extra).toEqual({ 'a, b (Event counter)': '7' });
  });

  it('takes a report without rows and skips empty lines', () => {
    expect(parse('Date,Media Source (pid)\n')).toEqual([]);
    expect(parse(`Date,Media Source (pid)\n\n${day},Organic\n\n`)).toHaveLength(1);
  });

  it.each([
    ['no such report', '<html></html>', /no column "Date"/],
    ['a row with a field too few', `Date,Media Source (pid),ROI\n${day},Organic\n`, /2 fields, the header 3/],
    ['a figure that is no number', `Date,Media Source (pid),ROI\n${day},Organic,1e5x\n`, /ROI is "1e5x"/],
    ['a day that was not asked for', 'Date,Media Source (pid)\n2026-01-06,Organic\n', /is about "2026-01-06"/],
    ['the same row twice', `Date,Media Source (pid)\n${day},Organic\n${day},Organic\n`, /repeats/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('parseCsv', () => {
  it.each([
    [
      'doubled quotes and line breaks inside quotes',
      'a,"b,c","d ""e"" f","g\r\nh"\n',
      [['a', 'b,c', 'd "e" f', 'g\r\nh']],
    ],
    ['a byte order mark and each end of a line', '\ufeffa\r\nb\rc\nd', [['a'], ['b'], ['c'], ['d']]],
    ['empty fields and an empty line', ',a,\n\n"",', [['', 'a', ''], [''], ['', '']]],
  ])('takes %s', (_, text, records) => {
    expect(JSON.stringify(parseCsv(text))).toBe(JSON.stringify(records));
  });

  it.each([
    ['a quoted field does not end', 'a\n"b\n', 2],
    ['text after a closing quote', '"a\n"b,c', 1],
    ['a quote inside an unquoted field', 'x\ny,a"b', 2],
  ])('refuses what is not CSV: %s', (message, text, line) => {
    expect(() => parseCsv(text)).toThrow(new CsvError(message, line));
  });
});
