// A local stand-in for the documented token API: same paths, bodies and errors, loopback only. One object holds the
// world, the faults and the ledger, so that a test or a demonstration can embed it and ask what it served.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { answerApps, answerReport } from './answers.ts';
import { type FaultPlan, type FaultRates, NO_FAULTS, seededFaults } from './faults.ts';
import { Ledger } from './ledger.ts';
import { DOCUMENTED_QUOTAS, QuotaBook, type Quotas } from './quotas.ts';
import { between, random } from './random.ts';
import { daysBetween, json, notFoundPage, type Reply } from './reply.ts';
import { expectedRows, World, type WorldOptions } from './world.ts';

export interface StubOptions extends Partial<WorldOptions> {
  /** 0 = the kernel chooses. */
  port?: number;
  faults?: Partial<FaultRates>;
  /** In place of `faults`: decides call by call. */
  plan?: FaultPlan;
  quotas?: Partial<Quotas>;
  /** Milliseconds that a report takes: from, to. */
  latency_ms?: [number, number];
  /** Clock of quotas and of the Date header, milliseconds. */
  now?: () => number;
}

export class Stub {
  readonly world: World;
  readonly ledger = new Ledger();
  readonly quotas: Quotas;
  readonly book: QuotaBook;
  readonly plan: FaultPlan;
  readonly now: () => number;
  readonly #latency: [number, number];
  readonly #server: Server;
  readonly #port: number;

  constructor(options: StubOptions = {}) {
    const { seed = 1, accounts = 5, apps = [8, 14], rows = 12 } = options;
    this.world = new World({ seed, accounts, apps, rows });
    this.now = options.now ?? Date.now;
    this.quotas = { ...DOCUMENTED_QUOTAS, ...options.quotas };
    this.book = new QuotaBook(this.now);
    this.plan = options.plan ?? seededFaults(seed, { ...NO_FAULTS, ...options.faults });
    this.#latency = options.latency_ms ?? [0, 0];
    this.#port = options.port ?? 0;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
        response.end(`stub: ${error instanceof Error ? error.message : String(error)}`);
      });
    });
  }

  /** `http://127.0.0.1:<port>`, once `start()` has resolved. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** username → token, as the handlers' APPSFLYER_TOKENS wants it. */
  tokens(): Record<string, string> {
    return Object.fromEntries(this.world.accounts.map(({ username, token }) => [username, token]));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const reply = this.#route(request, url);
    const wait = (reply.delay_ms ?? 0) + this.#latencyOf(url);
    if (wait > 0) await delay(wait);
    if (response.destroyed) return;
    const body = Buffer.from(reply.body, 'utf8');
    response.writeHead(reply.status, {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': body.length,
      date: new Date(this.now()).toUTCString(),
      ...reply.headers,
    });
    if (reply.cut === true) {
      this.ledger.answered('cut');
      response.write(body.subarray(0, Math.ceil(body.length / 2)), () => response.destroy());
      return;
    }
    response.end(body);
    if (url.pathname.startsWith('/__stub/')) return;
    this.ledger.answered(reply.status);
    reply.sent?.();
  }

  #route(request: IncomingMessage, url: URL): Reply {
    if (request.method !== 'GET') return { status: 405, body: 'Method not allowed' };
    if (url.pathname === '/__stub/expected') return this.#expected(url);
    if (url.pathname === '/__stub/served') {
      return json({ answers: this.ledger.answers, reports: this.ledger.reports() });
    }
    const account = this.world.accountOf(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (account === undefined) return { status: 401, body: 'Supplied API token is invalid' };
    if (url.pathname === '/api/mng/apps') return answerApps(this, account, url);
    const report = /^\/api\/(agg|raw)-data\/export\/app\/([^/]+)\/([a-z_]+)\/v5$/.exec(url.pathname);
    if (report === null) return notFoundPage();
    const [, kind, app, name] = report;
    return answerReport(this, account, kind === 'raw' ? 'raw' : 'aggregate', decodeURIComponent(app!), name!, url);
  }

  #expected(url: URL): Reply {
    const from = url.searchParams.get('from');
    const to = url.searchParams.get('to');
    if (!from || !to) return { status: 400, body: 'from and to are required (yyyy-mm-dd)' };
    const report = url.searchParams.get('report') ?? undefined;
    return json(expectedRows(this.world, daysBetween(from, to), report));
  }

  #latencyOf(url: URL): number {
    if (url.pathname.startsWith('/__stub/')) return 0;
    const [low, high] = this.#latency;
    return high === 0 ? 0 : between(random(this.world.options.seed, 'latency', url.pathname, url.search), low, high);
  }
}
