import { describe, expect, it } from 'vitest';
import { parseReport } from '../../../examples/appsflyer/handlers/report.ts';

const day = '2026-01-05';
const parse = (text: string) => parseReport(text, day, day);

describe('parseReport', () => {
  it('finds columns by name, in any order, and leaves out what the report leaves out', () => {
    const [row] = parse(`Clicks,Date,Media Source (pid)\n12,${day},Example Net\n`);
    expect(row).toMatchObject({ date: day, media_source: 'Example Net', campaign: '', agency: '', extra: {} });
    expect(row!.figures).toMatchObject({ clicks: '12', impressions: null, total_cost: null });
  });

  it('reads nothing, N/A and NULL as missing', () => {
    const [row] = parse(`Date,Media Source (pid),Campaign (c),CTR,ROI,ARPU\n${day},Organic,N/A,,N/A,NULL\n`);
    expect(row).toMatchObject({ campaign: '', figures: { ctr: null, roi: null, arpu: null } });
  });

  it('keeps columns that have no place of their own', () => {
    const [row] = parse(`Date,Media Source (pid),"a, b (Event counter)",New\n${day},Organic,7,\n`);
    expect(row!.extra).toEqual({ 'a, b (Event counter)': '7' });
  });

  it('takes a report without rows and skips empty lines', () => {
    expect(parse('Date,Media Source (pid)\n')).toEqual([]);
    expect(parse(`Date,Media Source (pid)\n\n${day},Organic\n\n`)).toHaveLength(1);
  });

  it.each([
    ['no such report', '<html></html>', /no column "Date"/],
    ['nothing at all', '', /no column "Date"/],
    ['a row with a field too few', `Date,Media Source (pid),ROI\n${day},Organic\n`, /2 fields, the header 3/],
    ['a figure that is no number', `Date,Media Source (pid),ROI\n${day},Organic,1e5x\n`, /ROI is "1e5x"/],
    ['a day that was not asked for', 'Date,Media Source (pid)\n2026-01-06,Organic\n', /is about "2026-01-06"/],
    ['the same row twice', `Date,Media Source (pid)\n${day},Organic\n${day},Organic\n`, /repeats/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
