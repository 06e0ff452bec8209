// Reading devices.
import { columnsOf } from '../../core/devices/device-columns.ts';
import { searchDevices, showDeviceWithHistory } from '../../core/devices/device-page.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { SharedRead } from '../../core/gateway/shared-read.ts';
import { deviceParams } from '../../http/device-contract.ts';
import { deviceAnswer, deviceQuery, devicesAnswer, devicesQuery, mapAnswer } from '../../http/fleet-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { envelope, sharedEnvelope, tagged } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';
import { wireDevice } from '../server/wire.ts';

const MAP_MS = 1000;

export function deviceListRoutes(app: App, gateway: Gateway): void {
  const map = new SharedRead(MAP_MS, () => gateway.requests.use(columnsOf));

  app.route({
    method: 'GET',
    url: '/api/v1/devices',
    schema: {
      operationId: 'listDevices',
      summary: 'List devices in the order of their ids.',
      tags: ['devices'],
      querystring: devicesQuery,
      response: { 200: devicesAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { limit, cursor, ...search } = request.query;
      const page = await gateway.requests.use((context) => searchDevices(context, search, { limit, cursor }));
      const { now, devices, ...rest } = page;
      return tagged(request, reply, { devices: devices.map(wireDevice), ...rest }, envelope(request, now)) as never;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/devices/map',
    schema: {
      operationId: 'deviceMap',
      summary: 'Read all devices in a few columns, small enough for a page that draws 10,000 of them each second.',
      tags: ['devices'],
      response: { 200: mapAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const shared = await map.get();
      const { now: _, ...data } = shared.value;
      return tagged(request, reply, data, sharedEnvelope(request, shared)) as never;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/devices/:device_id',
    schema: {
      operationId: 'showDevice',
      summary: 'Show a device with what it holds and its newest heartbeats.',
      tags: ['devices'],
      params: deviceParams,
      querystring: deviceQuery,
      response: { 200: deviceAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { device_id } = request.params;
      const shown = await gateway.requests.use((context) =>
        showDeviceWithHistory(context, device_id, request.query.history),
      );
      const { now, assignments, ...device } = shown;
      const held = assignments.map((one) => ({ ...one, task_id: String(one.task_id) }));
      return { device: { ...wireDevice(device), assignments: held } as never, ...envelope(request, now) };
    },
  });
}
