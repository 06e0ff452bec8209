// A gateway inside the process of a test, on a port of its own.
import type { Session } from '../../src/core/db/session.ts';
import { Gateway } from '../../src/core/gateway/gateway.ts';
import { type App, buildApp } from '../../src/gateway/app.ts';
import type { Limits } from '../../src/gateway/protection/limits.ts';
import { drain, renewalOf } from '../../src/gateway/run-gateway.ts';
import { readCertificate } from '../../src/gateway/server/certificate.ts';
import type { TestDatabase } from './database.ts';
import { testContext } from './node.ts';

export interface TestGateway {
  url: string;
  gateway: Gateway;
  app: App;
  /** Of its log, one JSON line each. */
  lines: string[];
  /** Path → answer; a body makes it a POST of JSON, unless `method` says otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: the test says what it expects of an answer
  call(path: string, body?: unknown, options?: RequestInit): Promise<{ status: number; headers: Headers; json: any }>;
  stop(): Promise<void>;
}

const running: TestGateway[] = [];
/** How often the files of its certificate are read, in milliseconds. */
const RENEWED_MS = 50;

export async function startGateway(
  db: TestDatabase,
  {
    limits,
    port = 0,
    routes,
    onSession,
    ...overrides
  }: Parameters<typeof testContext>[1] & {
    limits?: Partial<Limits>;
    port?: number;
    /** Adds routes of the test. */
    routes?(app: App, gateway: Gateway): void;
    /** Called with each session that it opens. */
    onSession?(session: Session): void;
  } = {},
): Promise<TestGateway> {
  const context = testContext(db, { account: 'gateway', ...overrides });
  const open = context.session.bind(context);
  context.session = async (wanted) => {
    const session = await open(wanted);
    onSession?.(session);
    return session;
  };
  const gateway = new Gateway(context, { hostname: 'test-host', version: '0.0.0-test' });
  await gateway.start();
  const certificate = await readCertificate(context.resolved);
  const app = await buildApp(gateway, limits, certificate);
  const renewal = certificate && renewalOf(app, context, certificate, RENEWED_MS);
  routes?.(app, gateway);
  const url = await app.listen({ host: '127.0.0.1', port });
  void renewal?.start();
  const one: TestGateway = {
    url,
    gateway,
    app,
    lines: context.lines,
    async call(path, body, options = {}) {
      const json = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers };
      const response = await fetch(url + path, { ...json, ...options, headers });
      const text = await response.text();
      return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
    },
    async stop() {
      gateway.beginStop();
      await renewal?.stop();
      await drain(app, 5000, new AbortController().signal);
      await gateway.stop();
      await context.close();
    },
  };
  running.push(one);
  return one;
}

/** For afterEach: no gateway outlives its test. */
export async function stopGateways(): Promise<void> {
  await Promise.all(running.splice(0).map((one) => one.stop()));
}
