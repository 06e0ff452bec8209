// RB11: a gateway answers with what others have written. In a browser none of it is more than text.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../../src/core/db/session.ts';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { NO_CHROMIUM, type Opened, open, startChromium, type Watched, watchedPage } from '../../helpers/chromium.ts';
import { type TestDatabase, testDatabase } from '../../helpers/database.ts';
import { startGateway, stopGateways, type TestGateway } from '../../helpers/gateway.ts';
import { skipBecause } from '../../helpers/skip.ts';
import { until } from '../../helpers/wait.ts';
import { xssCorpus } from '../../helpers/xss-corpus.ts';
import { deviceIds, fitting, insertHostileRows, NO_TEXT } from '../../helpers/xss-rows.ts';

const needed = skipBecause(NO_CHROMIUM, 'chromium');
/** Lists of these lengths have all rows. */
const ALL = 'limit=200';

let db: TestDatabase;
let session: Session;
let gateway: TestGateway;
let browser: Browser;
let canary: Server;
let asked: string[];
let texts: string[];
let filled: string[];

beforeAll(async () => {
  if (NO_CHROMIUM !== undefined) return;
  asked = [];
  canary = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
  texts = xssCorpus(`127.0.0.1:${(canary.address() as AddressInfo).port}`);
  db = await testDatabase();
  session = await db.session();
  filled = await insertHostileRows(session, db.names, texts);
  gateway = await startGateway(db, {
    limits: { requestsPerAddress: 100_000 },
    routes: (app) => {
      const html = () => `<!doctype html><body>${texts.join('\n')}`;
      app.get('/unsafe', (_request, reply) =>
        reply
          .header('content-security-policy', "default-src * data: 'unsafe-inline' 'unsafe-eval'")
          .type('text/html')
          .send(html()),
      );
      app.get('/strict', (_request, reply) => reply.type('text/html').send(html()));
    },
  });
  browser = await startChromium();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await stopGateways();
  await db?.close();
  await new Promise((resolve) => (canary === undefined ? resolve(0) : canary.close(resolve)));
});

const spelled = encodeURIComponent;
/** Every fourth of them: the lists have all. */
const some = <T>(all: T[]): T[] => all.filter((_, n) => n % 4 === 0);
/** Where a request says a text that its answer may repeat. */
const REPEATED: Array<(text: string) => string> = [
  ...['username', 'error', 'cursor', 'task_type', 'status', 'limit'].map(
    (name) => (text: string) => `/api/v1/tasks?${name}=${text}`,
  ),
  (text) => `/api/v1/tasks?${text}=1`,
  ...['', 'docs/', 'api/v1/', 'api/v1/tasks/', 'api/v1/devices/', 'api/v1/batches/', 'api/v1/webhooks/'].map(
    (path) => (text: string) => `/${path}${text}`,
  ),
];

/** Addresses of an operation, where its path alone is none or not enough; each has the texts in its rows, or in itself. */
const ADDRESSES: Record<string, () => string[]> = {
  listTasks: () => [`/api/v1/tasks?${ALL}`],
  showTask: () => some(texts.map((_, n) => `/api/v1/tasks/${n + 1}`)),
  taskResult: () => ['/api/v1/tasks/1/result', `/api/v1/tasks/1/result?attempt=${spelled(texts[0]!)}`],
  waitForTask: () => ['/api/v1/tasks/1/wait'],
  taskLogs: () => ['/api/v1/tasks/1/logs?limit=200', `/api/v1/tasks/1/logs?grep=${spelled('<')}`],
  exportTasks: () => ['jsonl', 'csv'].map((format) => `/api/v1/tasks/results/export?format=${format}`),
  listBatches: () => [`/api/v1/batches?${ALL}`],
  showBatch: () => ['/api/v1/batches/1'],
  listDevices: () => [`/api/v1/devices?${ALL}`],
  showDevice: () => some(deviceIds(texts)).map((id) => `/api/v1/devices/${spelled(id)}`),
  wait: () => [`/api/v1/devices/${spelled(texts[0]!)}/wait`],
  showWebhook: () => ['/api/v1/webhooks/1'],
  listDeliveries: () => ['/api/v1/webhooks/1/deliveries'],
  showDelivery: () => ['/api/v1/webhooks/1/deliveries/1'],
  listAudit: () => [`/api/v1/audit?${ALL}`, `/api/v1/audit?action=${spelled(texts[0]!)}`],
  finishOpenId: () => [`/api/v1/session/oidc/callback?error=${spelled(texts[0]!)}&state=${spelled(texts[2]!)}`],
  docs: () => ['/docs', `/docs?${spelled(texts[0]!)}#${spelled(texts[0]!)}`],
  errorCodes: () => ['/docs/errors', `/docs/errors?${spelled(texts[0]!)}`],
};
/** What a browser saves. */
const FILES = new Set(['exportTasks']);
const PAGES = new Set(['docs', 'errorCodes']);
/** Answers that must have the texts, at least so many of them, else nothing was tried. */
const HAVE: Record<string, number> = {
  listTasks: 60,
  taskResult: 60,
  // Two of them have a line break.
  taskLogs: 58,
  exportTasks: 60,
  listDevices: 60,
  listBatches: 60,
  listWebhooks: 60,
  listKeys: 60,
  listAudit: 60,
  showDelivery: 60,
  leader: 60,
  listLanes: 20,
  adminDevices: 20,
  adminAssignments: 20,
  deviceMap: 20,
};

const OPENED = Object.entries(OPERATIONS).filter(([, one]) => one.method === 'GET');
const addressesOf = (id: string, path: string) => (ADDRESSES[id] ?? (() => [path]))();

/** What Chromium makes of a text or of JSON. */
const PLAIN = new Set(['html', 'head', 'meta', 'body', 'pre', 'div']);
const ACTIVE = /^(script|img|svg|iframe|frame|object|embed|form|input|button|select|textarea|video|audio|base|link)$/;

function wrongWith(id: string, { type, file, mark, elements, attributes }: Opened): string[] {
  const html = type?.startsWith('text/html') === true;
  return [
    ...(html === PAGES.has(id) ? [] : [`is ${type}`]),
    ...(file && !FILES.has(id) ? ['is saved as a file'] : []),
    ...(mark === undefined ? [] : ['ran a script']),
    ...elements.filter((one) => (html ? ACTIVE.test(one) : !PLAIN.has(one))).map((one) => `has <${one}>`),
    ...attributes.map((one) => `has ${one}=`),
  ];
}

async function openAll(watched: Watched, addresses: Array<[id: string, path: string]>): Promise<string[]> {
  const wrong: string[] = [];
  for (const [id, path] of addresses) {
    const { dialogs, violations, elsewhere } = watched;
    const opened = await open(watched, gateway.url + path, id === 'events' ? () => firstEvent(watched) : undefined);
    const found = [...wrongWith(id, opened), ...dialogs.splice(0), ...violations.splice(0), ...elsewhere.splice(0)];
    if (opened.status >= 500) found.push(`answers ${opened.status}`);
    wrong.push(...found.map((one) => `${id} ${path}: ${one}`));
  }
  return wrong;
}

/** Adds a task whose type is a text, and returns when the page shows it. */
async function firstEvent({ page }: Watched): Promise<void> {
  const [text] = texts;
  await session.write(`INSERT INTO ${db.names.task} (task_type) VALUES (?)`, [text]);
  await until(async () => (await page.content()).includes('task.created'), 30_000, 'an event');
}

/** How many of the texts an answer has, as JSON spells them. */
async function textsIn(path: string): Promise<number> {
  const body = (await (await fetch(gateway.url + path)).text()).replaceAll('""', '"');
  return texts.filter((text, n) => {
    const some = [text, fitting(texts, n, 64, true), fitting(texts, n, 32, true)];
    return some.some((one) => body.includes(JSON.stringify(one).slice(1, -1)));
  }).length;
}

describe('RB11 texts that others have written', needed, () => {
  it('are in every column that can hold them', async () => {
    const tables = Object.entries(db.names.plain).filter(([table]) => table !== 'migration');
    const rows = await session.rows<{ at: string; name: string }>(
      `SELECT TABLE_NAME AS at, COLUMN_NAME AS name FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = DATABASE() AND DATA_TYPE IN ('varchar', 'char', 'text', 'mediumtext', 'longtext', 'json')`,
    );
    const all = tables.flatMap(([table, plain]) =>
      rows.filter((one) => one.at === plain).map((one) => `${table}.${one.name}`),
    );
    expect(all.filter((one) => !filled.includes(one) && !NO_TEXT.has(one))).toEqual([]);
    expect(texts.length).toBeGreaterThanOrEqual(60);
    const short: string[] = [];
    for (const [id, least] of Object.entries(HAVE)) {
      const [path] = addressesOf(id, OPERATIONS[id as keyof typeof OPERATIONS].path);
      const n = await textsIn(path!);
      if (n < least) short.push(`${id}: ${n}`);
    }
    expect(short).toEqual([]);
  });

  it('show no dialog, run no script, load nothing and violate no policy, whichever address is opened', async () => {
    const watched = await watchedPage(browser, gateway.url);
    const known = OPENED.flatMap(([id, { path }]) => addressesOf(id, path).map((one): [string, string] => [id, one]));
    expect(known.filter(([, path]) => path.includes('{')).map(([id]) => id)).toEqual([]);
    const repeated = texts.map((text, n): [string, string] => {
      return ['repeated', REPEATED[n % REPEATED.length]!(spelled(text))];
    });
    expect(await openAll(watched, [...known, ...repeated])).toEqual([]);
    expect(asked).toEqual([]);
    await watched.page.context().close();
  });

  it('would do all of it in a page that contained them, but for the policy', async () => {
    const strict = await watchedPage(browser, gateway.url);
    await strict.page.goto(`${gateway.url}/strict`, { waitUntil: 'commit' });
    await until(() => strict.violations.length > 0, 30_000, 'a violation of the policy');
    expect(strict.dialogs).toEqual([]);
    expect(asked).toEqual([]);
    await strict.page.context().close();
    const unsafe = await watchedPage(browser, gateway.url);
    await unsafe.page.goto(`${gateway.url}/unsafe`, { waitUntil: 'commit' });
    await until(
      () => unsafe.dialogs.length > 0 && asked.length > 0 && unsafe.elsewhere.length > 0,
      30_000,
      'a dialog and a request',
    );
    await unsafe.page.context().close();
  });
});
