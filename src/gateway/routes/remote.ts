// The protocol of remote workers, but for registration, heartbeat and sign-off (devices.ts): see http/device-contract.ts.
import { DeviceCalls } from '../../core/gateway/devices/device-calls.ts';
import { waitForNews } from '../../core/gateway/devices/device-waits.ts';
import { bytes } from '../../core/gateway/devices/wire/wire.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import * as contract from '../../http/device-contract.ts';
import { closedSignal } from '../hooks/closed-signal.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { EXCHANGE_BODY_LIMIT } from '../protection/limits.ts';
import type { App } from '../server/app-type.ts';

const tags = ['remote workers'];
const params = contract.deviceParams;

export function remoteRoutes(app: App, gateway: Gateway): void {
  const calls = () => new DeviceCalls(gateway.devices);
  const base = '/api/v1/devices/:device_id';

  app.route({
    method: 'GET',
    url: `${base}/wait`,
    schema: {
      operationId: 'wait',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Wait for work, or for news of the device.',
      tags,
      params,
      querystring: contract.waitQuery,
      response: { 200: contract.waitAnswer },
    },
    serializerCompiler: plainJson,
    handler: async (request, reply) => {
      const { instance_token, seconds, free, without = '', held, after } = request.query;
      const closed = closedSignal(reply);
      const { devices } = gateway;
      const device = await devices.registry.instance(request.params.device_id, bytes(instance_token));
      const types = new Set(without.split(',').filter((one) => one !== ''));
      return waitForNews(devices, device, { seconds, free, without: types, held, after }, closed);
    },
  });

  app.route({
    method: 'POST',
    url: `${base}/exchange`,
    bodyLimit: EXCHANGE_BODY_LIMIT,
    schema: {
      operationId: 'exchange',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Report ends and claim tasks, in one transaction.',
      tags,
      params,
      body: contract.exchangeBody,
      response: { 200: contract.exchangeAnswer },
    },
    serializerCompiler: plainJson,
    handler: async (request) => calls().exchange(request.params.device_id, request.body),
  });

  app.route({
    method: 'POST',
    url: `${base}/recover`,
    schema: {
      operationId: 'recover',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Find out what claims hold whose answers were lost.',
      tags,
      params,
      body: contract.recoverBody,
      response: { 200: contract.recoverAnswer },
    },
    serializerCompiler: plainJson,
    handler: async ({ params: { device_id }, body }) => ({
      claimed: await calls().recover(device_id, body.instance_token, body.tokens),
    }),
  });

  app.route({
    method: 'POST',
    url: `${base}/starts`,
    schema: {
      operationId: 'starts',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Report that attempts have begun and go on.',
      tags,
      params,
      body: contract.startsBody,
      response: { 200: contract.startsAnswer },
    },
    serializerCompiler: plainJson,
    handler: async ({ body }) => calls().starts(body),
  });

  app.route({
    method: 'POST',
    url: `${base}/payload`,
    schema: {
      operationId: 'payload',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Fetch a payload that was too long to come with its claim.',
      tags,
      params,
      body: contract.payloadBody,
      response: { 200: contract.payloadAnswer },
    },
    serializerCompiler: plainJson,
    handler: async ({ body }) => calls().payload(body),
  });

  app.route({
    method: 'POST',
    url: `${base}/deliver`,
    bodyLimit: EXCHANGE_BODY_LIMIT,
    schema: {
      operationId: 'deliver',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Report ends of an earlier process of the device.',
      tags,
      params,
      body: contract.deliverBody,
      response: { 200: contract.deliverAnswer },
    },
    serializerCompiler: plainJson,
    handler: async ({ params: { device_id }, body }) => ({
      reconciled: await calls().deliver(device_id, body.instance_token, body.finishes),
    }),
  });
}
