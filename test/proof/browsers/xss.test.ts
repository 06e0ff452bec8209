// RB11: a gateway answers with what others have written. In a browser none of it is more than text.
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { OPERATIONS } from '../../../src/http/operations/operations.ts';
import { NO_CHROMIUM, startChromium, watchedPage } from '../../helpers/chromium.ts';
import { insertAttempt, insertDevice, insertTask } from '../../helpers/factories.ts';
import { it } from '../../helpers/fixture.ts';
import { startGateway, stopGateways } from '../../helpers/gateway.ts';
import { skipBecause } from '../../helpers/skip.ts';

/** Nobody listens there. */
const ELSEWHERE = '//127.1:9';
/** Each shows a dialog or loads something where it is taken for HTML. */
const TEXTS = [
  '<script>alert(1)</script>',
  `<script src=${ELSEWHERE}></script>`,
  '</pre><img src=x onerror=alert(1)>',
  '"><svg onload=alert(1)>',
  `<meta http-equiv=refresh content="0;url=${ELSEWHERE}">`,
  'x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>',
];
const [SCRIPT = ''] = TEXTS;

afterEach(stopGateways);

describe('RB11 texts that others have written', () => {
  it('are in no page: whichever operation answers, it is not sniffed, and its policy runs nothing', async ({ db }) => {
    const { app } = await startGateway(db);
    const hostile = encodeURIComponent(SCRIPT);
    for (const [id, { method, path }] of Object.entries(OPERATIONS)) {
      // Its stream never ends.
      if (id === 'events') continue;
      const url = `${path.replaceAll(/\{\w+\}/g, hostile)}?${hostile}=${hostile}`;
      const payload = method === 'GET' ? {} : { payload: { [SCRIPT]: SCRIPT } };
      const { headers } = await app.inject({ method, url, ...payload });
      const isPage = /^text\/html/.test(String(headers['content-type']));
      expect([id, isPage]).toEqual([id, id === 'docs' || id === 'errorCodes']);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy': expect.stringMatching(/^default-src 'none'; (?!.*(script-src|unsafe))/),
      });
    }
  });
});

describe('RB11 a browser', skipBecause(NO_CHROMIUM, 'chromium'), () => {
  let browser: Browser;
  beforeAll(async () => {
    if (NO_CHROMIUM === undefined) browser = await startChromium();
  });
  afterAll(() => browser?.close());

  it('shows no dialog, loads nothing and violates no policy, whichever answer it opens', async ({ db, session }) => {
    const gateway = await startGateway(db);
    const written = JSON.stringify(Object.fromEntries(TEXTS.map((text) => [text, text])));
    const device = await insertDevice(session, db.names, { device_id: SCRIPT, columns: { labels: written } });
    for (const username of TEXTS) await insertTask(session, db.names, { username, task_data: written });
    const columns = { status: 'failed', result: written, error_message: TEXTS.join('\n') };
    const { task_id } = await insertAttempt(session, db.names, { device, columns, task: { status: 'failed' } });
    const hostile = encodeURIComponent(SCRIPT);
    const { page, wrongs } = await watchedPage(browser, gateway.url);
    for (const path of [
      ...['/api/v1/tasks', `/api/v1/tasks/${task_id}`, `/api/v1/tasks/${task_id}/result`],
      ...['/api/v1/devices', `/api/v1/devices/${hostile}`, `/api/v1/tasks?${hostile}=${hostile}`],
      ...[`/api/v1/${hostile}`, `/docs?${hostile}#${hostile}`, '/docs/errors'],
    ]) {
      await page.goto(gateway.url + path);
      const active = await page.locator('script, img, svg, iframe, object, embed, form, link, base').count();
      if (active > 0) wrongs.push('has an active element');
      expect([path, wrongs]).toEqual([path, []]);
    }
    expect(await (await fetch(`${gateway.url}/api/v1/tasks`)).text()).toContain(SCRIPT);
    await page.context().close();
  });
});
