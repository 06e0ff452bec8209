// A Chromium of Debian without a window, and what a page does in it that none may do.
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
      'no-sandbox',
      'disable-gpu',
      'disable-dev-shm-usage',
      'disable-background-networking',
      'no-proxy-server',
    ].map((one) => `--${one}`),
  });
}

export interface Watched {
  page: Page;
  /** What happened that may not, each in a sentence. */
  wrongs: string[];
}

/** A page whose dialogs, violations of a policy and requests to others than `home` are noted. */
export async function watchedPage(browser: Browser, home: string): Promise<Watched> {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await context.newPage();
  const wrongs: string[] = [];
  page.on('dialog', (dialog) => {
    wrongs.push(`shows a dialog (${dialog.type()})`);
    dialog.dismiss().catch(() => {});
  });
  context.on('request', (request) => {
    if (!request.url().startsWith(`${home}/`)) wrongs.push(`asks ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) wrongs.push(`violates its policy (${message.text()})`);
  });
  return { page, wrongs };
}
