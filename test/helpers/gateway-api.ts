// The opening of a file about the HTTP API: each of its tests has a schema and a gateway of its own, which is gone after it.
//   let { session, names, rows, gateway, get, post } = {} as GatewayApi;
//   eachWithGateway((opened) => ({ session, names, rows, gateway, get, post } = opened));
import { randomBytes } from 'node:crypto';
import { afterEach } from 'vitest';
import type { TableNames } from '../../src/core/db/table-names.ts';
import { type Given, it } from './fixture.ts';
import { startGateway, stopGateways, type TestGateway } from './gateway.ts';

type Answer = ReturnType<TestGateway['call']>;

export interface GatewayApi extends Given {
  names: TableNames;
  gateway: TestGateway;
  /** Below /api/v1; without a body it has none. */
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Answer;
  get(path: string, options?: RequestInit): Answer;
  post(path: string, body?: unknown, headers?: Record<string, string>): Answer;
  put(path: string, body: unknown): Answer;
  /** A device that handles `noop`. */
  register(device_id?: string, more?: Record<string, unknown>): Answer;
  /** Of a plain client. */
  next(device_id?: string, more?: string): Answer;
  result(task_id: number, body?: Record<string, unknown>, headers?: Record<string, string>): Answer;
  count(table: string): Promise<number>;
}

export function eachWithGateway(
  take: (opened: GatewayApi) => unknown,
  options: Parameters<typeof startGateway>[1] = {},
): void {
  it.beforeEach(async ({ given }) => {
    const gateway = await startGateway(given.db, options);
    const send: GatewayApi['send'] = (method, path, body, headers = {}) =>
      gateway.call(`/api/v1${path}`, body, { method, headers });
    const post: GatewayApi['post'] = (path, body, headers) => send('POST', path, body, headers);
    const get: GatewayApi['get'] = (path, asked) => gateway.call(`/api/v1${path}`, undefined, asked);
    take({
      ...{ ...given, names: given.db.names, gateway, send, get, post, put: (path, body) => send('PUT', path, body) },
      register: (device_id = 'd1', more = {}) =>
        post('/devices/register', { device_id, capabilities: { supported_tasks: ['noop'] }, ...more }),
      next: (device_id = 'd1', more = '') => get(`/tasks/next?device_id=${device_id}${more}`),
      result: (task_id, body = {}, headers = {}) =>
        post(`/tasks/${task_id}/result`, { device_id: 'd1', status: 'completed', ...body }, headers),
      count: async (table) => Number((await given.session.rows(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n),
    });
  });
  afterEach(stopGateways);
}

/** A token as remote workers make them. */
export const hex = () => randomBytes(16).toString('hex');
