// Registration and heartbeat of devices (design document, 5.1.1 and 5.1.4), and the end of a device's stay.
import { DeviceCalls } from '../../core/gateway/devices/device-calls.ts';
import { registerDevice } from '../../core/gateway/devices/registrations.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { deviceParams } from '../../http/device-contract.ts';
import {
  heartbeatAnswer,
  heartbeatBody,
  registerAnswer,
  registerBody,
  signOffAnswer,
  signOffBody,
} from '../../http/device-life.ts';
import { plainJson } from '../hooks/plain-json.ts';
import type { App } from '../server/app-type.ts';

export function deviceRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/devices/register',
    schema: {
      operationId: 'registerDevice',
      summary: 'Register a device, or say that it is back.',
      tags: ['devices'],
      body: registerBody,
      response: { 200: registerAnswer },
    },
    handler: async (request) => registerDevice(gateway.devices, request.body, request.ip),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/devices/:device_id/heartbeat',
    schema: {
      operationId: 'heartbeat',
      summary: 'Say that a device lives, with its readings.',
      tags: ['devices'],
      params: deviceParams,
      body: heartbeatBody,
      response: { 200: heartbeatAnswer },
    },
    serializerCompiler: plainJson,
    handler: async (request) => new DeviceCalls(gateway.devices).heartbeat(request.params.device_id, request.body),
  });

  app.route({
    method: 'POST',
    url: '/api/v1/devices/:device_id/sign-off',
    schema: {
      operationId: 'signOff',
      summary: 'Set a device to offline, by its own will.',
      tags: ['devices'],
      params: deviceParams,
      body: signOffBody,
      response: { 200: signOffAnswer },
    },
    handler: async (request) => ({
      signed_off: await new DeviceCalls(gateway.devices).signOff(request.params.device_id, request.body.instance_token),
    }),
  });
}
