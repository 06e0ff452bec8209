// A Chromium of Debian without a window, and what it does with a page: dialogs, scripts, requests, violations of a content security policy.
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`);
const program = PROGRAMS.find((one) => existsSync(one));

/** Why there is none; undefined = there is one. For skipBecause(…, 'chromium'). */
export const NO_CHROMIUM = program === undefined ? 'Chromium is not installed (apt-get install chromium)' : undefined;

export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: program!,
    // Root has no sandbox in Chromium, and a container a small /dev/shm.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--no-proxy-server',
    ],
  });
}

/** What a page did that none may do. Each is a sentence. */
export interface Watched {
  page: Page;
  dialogs: string[];
  violations: string[];
  /** Addresses that were asked elsewhere than at `home`. */
  elsewhere: string[];
}

// Texts: what runs in the page knows a window, and this program none.
const WATCH = `window.__violations = [];
addEventListener('securitypolicyviolation', (event) => window.__violations.push(event.violatedDirective));`;
/** `__xss`: the mark that the texts of xss-corpus.ts set. */
const LOOK = `(() => {
  const all = [...document.querySelectorAll('*')];
  const active = /^(on.*|src|srcdoc|action|background|data|formaction)$/;
  return {
    mark: window.__xss,
    seen: window.__violations ?? [],
    elements: [...new Set(all.map((one) => one.localName))],
    attributes: all.flatMap((one) => one.getAttributeNames().filter((name) => active.test(name))),
  };
})()`;

export async function watchedPage(browser: Browser, home: string): Promise<Watched> {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  const watched: Watched = { page, dialogs: [], violations: [], elsewhere: [] };
  page.on('dialog', (dialog) => {
    watched.dialogs.push(`${dialog.type()} at ${page.url()}`);
    dialog.dismiss().catch(() => {});
  });
  context.on('request', (request) => {
    if (!request.url().startsWith(`${home}/`) && request.url() !== 'about:blank') watched.elsewhere.push(request.url());
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) watched.violations.push(message.text());
  });
  await page.addInitScript({ content: WATCH });
  return watched;
}

export interface Opened {
  status: number;
  type: string | undefined;
  /** It was handed over as a file, and not shown. */
  file: boolean;
  /** The mark that a script has set; undefined = none did. */
  mark: unknown;
  /** Names of the elements of the document. */
  elements: string[];
  /** Attributes of them that run scripts or load something. */
  attributes: string[];
}

/**
 * Opens an address as somebody who types it, and looks at what has become of it. `arrived`: of a stream, which never ends, resolves
 * when there is something to see.
 */
export async function open(
  { page, violations }: Watched,
  url: string,
  arrived?: () => Promise<unknown>,
): Promise<Opened> {
  const answered = page.waitForResponse((one) => one.url() === url || one.request().isNavigationRequest());
  const shown = await page.goto(url, { waitUntil: arrived === undefined ? 'load' : 'commit' }).then(
    () => true,
    (error: Error) => {
      if (!/ERR_ABORTED|Download is starting/.test(error.message)) throw error;
      return false;
    },
  );
  const response = await answered;
  const about = { status: response.status(), type: (await response.allHeaders())['content-type'] };
  if (!shown) return { ...about, file: true, mark: undefined, elements: [], attributes: [] };
  await arrived?.();
  const found = (await page.evaluate(LOOK)) as Omit<Opened, 'status' | 'type' | 'file'> & { seen: string[] };
  violations.push(...found.seen.map((one) => `${one} at ${url}`));
  const { seen: _, ...looked } = found;
  return { ...about, file: false, ...looked };
}
