// The opening of a file about the HTTP API: each of its tests has a schema and a gateway of its own, which is gone after it.
//   let { db, session, names, gateway, get, post } = {} as GatewayApi;
//   eachWithGateway((opened) => ({ db, session, names, gateway, get, post } = opened));
import { afterEach } from 'vitest';
import type { Session } from '../../src/core/db/session.ts';
import type { TableNames } from '../../src/core/db/table-names.ts';
import type { TestDatabase } from './database.ts';
import { it } from './fixture.ts';
import { startGateway, stopGateways, type TestGateway } from './gateway.ts';

type Answer = ReturnType<TestGateway['call']>;

export interface GatewayApi {
  db: TestDatabase;
  session: Session;
  names: TableNames;
  gateway: TestGateway;
  /** Below /api/v1. */
  get(path: string, options?: RequestInit): Answer;
  /** Without a body it has none. */
  post(path: string, body?: unknown): Answer;
  put(path: string, body: unknown): Answer;
}

export function eachWithGateway(take: (opened: GatewayApi) => unknown): void {
  it.beforeEach(async ({ given: { db, session } }) => {
    const gateway = await startGateway(db);
    const call = (method: string) => (path: string, body?: unknown) => gateway.call(`/api/v1${path}`, body, { method });
    const get: GatewayApi['get'] = (path, options) => gateway.call(`/api/v1${path}`, undefined, options);
    take({ ...{ db, session, names: db.names, gateway, get }, post: call('POST'), put: call('PUT') });
  });
  afterEach(stopGateways);
}
