// What the stub knows: accounts, their apps, and the figures of each app and day, all of them made from the seed.
// `expectedRows` says in the words of af_data what a complete crawl must have stored; it does not go through CSV.
import { createHash } from 'node:crypto';
import { between, type Random, random } from './random.ts';

export interface WorldOptions {
  seed: number;
  accounts: number;
  /** Apps of one account: at least, at most. */
  apps: [number, number];
  /** Rows of one app and day: at most. */
  rows: number;
}

export interface StubApp {
  id: string;
  account: string;
  name: string;
  platform: 'android' | 'ios';
}

/** The part of a row that, with account, app, date and report, names it. */
export interface RowKey {
  country: string;
  agency: string;
  media_source: string;
  campaign: string;
}

/** Figures as decimal strings; null = the service has none. `extra`: by header, what has no column of its own. */
export interface StubRow extends RowKey {
  date: string;
  figures: Record<FigureName, string | null>;
  extra: Record<string, string>;
}

export const FIGURES = [
  'impressions',
  'clicks',
  'ctr',
  'installs',
  'conversion_rate',
  'sessions',
  'loyal_users',
  'loyal_users_per_install',
  'total_revenue',
  'total_cost',
  'roi',
  'arpu',
  'average_ecpi',
] as const;
export type FigureName = (typeof FIGURES)[number];

const SOURCES = [
  'Organic',
  'googleadwords_int',
  'Facebook Ads',
  'bytedanceglobal_int',
  'Example Net, Inc.',
  '示例渠道',
];
// Everything that a careless CSV reader stumbles over, and two names that differ in case alone.
const CAMPAIGNS = ['brand', 'Brand', 'spring "sale"', 'line one\nline two', 'a, b; c', 'fête – 春节 🎉', '-12', ''];
const COUNTRIES = ['US', 'DE', 'JP', 'BR'];
export const EVENTS = ['af_purchase', 'af_level, achieved'];

export class World {
  readonly options: WorldOptions;
  readonly accounts: { username: string; token: string }[];
  readonly apps: StubApp[];

  constructor(options: WorldOptions) {
    this.options = options;
    this.accounts = Array.from({ length: options.accounts }, (_, index) => {
      const username = `account-${index + 1}@example.com`;
      const token = createHash('sha256').update(`${options.seed}/token/${username}`).digest('hex');
      return { username, token: `stub-${token.slice(0, 32)}` };
    });
    this.apps = this.accounts.flatMap(({ username }, account) => {
      const count = between(random(options.seed, 'apps', username), ...options.apps);
      return Array.from({ length: count }, (_, index): StubApp => {
        const platform = index % 3 === 2 ? 'ios' : 'android';
        const number = (account + 1) * 1000 + index + 1;
        const id = platform === 'ios' ? `id${100_000_000 + number}` : `com.example.app${number}`;
        return { id, account: username, name: `Example App ${number}`, platform };
      });
    });
  }

  accountOf(token: string): string | undefined {
    return this.accounts.find((account) => account.token === token)?.username;
  }

  appsOf(account: string): StubApp[] {
    return this.apps.filter((app) => app.account === account);
  }

  /** Rows of one app and day. About one day in twelve has none at all. */
  rows(app: StubApp, date: string, report: string): StubRow[] {
    const next = random(this.options.seed, 'rows', app.id, date, report);
    if (next() < 1 / 12) return [];
    const keys = rowKeys(report).sort(
      (a, b) => rank(this.options.seed, app.id, a) - rank(this.options.seed, app.id, b),
    );
    return keys
      .slice(0, between(next, 1, this.options.rows))
      .map((key) => ({ ...key, date, ...figures(next, key.media_source === 'Organic') }));
  }
}

/** Every row that af_data must hold for these days, keyed as there. */
export function expectedRows(world: World, dates: string[], report = 'partners_by_date_report') {
  return world.apps.flatMap((app) =>
    dates.flatMap((date) =>
      world.rows(app, date, report).map((row) => ({ account: app.account, app_id: app.id, report, ...row })),
    ),
  );
}

function rowKeys(report: string): RowKey[] {
  const countries = report.startsWith('geo') ? COUNTRIES : [''];
  return countries.flatMap((country) =>
    SOURCES.flatMap((media_source) =>
      media_source === 'Organic'
        ? [{ country, media_source, campaign: '', agency: '' }]
        : CAMPAIGNS.map((campaign, index) => ({
            country,
            media_source,
            campaign,
            agency: index % 4 === 3 ? 'exampleagency' : '',
          })),
    ),
  );
}

/** A fixed order of the keys per app: the same campaigns come back day after day. */
function rank(seed: number, app: string, key: RowKey): number {
  return random(seed, 'rank', app, key.country, key.media_source, key.campaign)();
}

function figures(next: Random, organic: boolean): Pick<StubRow, 'figures' | 'extra'> {
  const impressions = organic ? null : between(next, 0, 90_000);
  const clicks = impressions === null ? null : Math.floor(impressions * next() * 0.2);
  const installs = between(next, 0, 900);
  const loyal = Math.floor(installs * next());
  const money = (most: number) => (next() * most).toFixed(4);
  const revenue = money(5000);
  const cost = organic ? null : money(2000);
  return {
    figures: {
      impressions: text(impressions),
      clicks: text(clicks),
      ctr: ratio(clicks, impressions),
      installs: text(installs),
      conversion_rate: ratio(installs, clicks),
      sessions: text(between(next, installs, installs * 9)),
      loyal_users: text(loyal),
      loyal_users_per_install: ratio(loyal, installs),
      total_revenue: revenue,
      total_cost: cost,
      roi: cost === null ? null : ((Number(revenue) - Number(cost)) / (Number(cost) + 1)).toFixed(4),
      arpu: ratio(Number(revenue), installs),
      average_ecpi: ratio(cost === null ? null : Number(cost), installs),
    },
    extra: Object.fromEntries(
      EVENTS.flatMap((event) => {
        const users = between(next, 0, 50);
        if (users === 0) return [];
        return [
          [`${event} (Unique users)`, String(users)],
          [`${event} (Event counter)`, String(users * between(next, 1, 4))],
          [`${event} (Sales in USD)`, money(700)],
        ];
      }),
    ),
  };
}

function text(value: number | null): string | null {
  return value === null ? null : String(value);
}

function ratio(part: number | null, whole: number | null): string | null {
  return part === null || whole === null || whole === 0 ? null : (part / whole).toFixed(4);
}
