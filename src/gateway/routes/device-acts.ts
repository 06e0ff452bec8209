// What operators want of devices.
import { actOnDevice, type DeviceAct, removeOneDevice } from '../../core/devices/act-on-device.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { deviceParams } from '../../http/device-contract.ts';
import { deviceActAnswer, deviceActBody, removeAnswer, removeBody } from '../../http/fleet-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { bodyOrNone, caller, callerOf, envelope } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

const SUMMARIES: Record<DeviceAct, string> = {
  pause: 'Let a device claim nothing until it is resumed; what it runs goes on.',
  resume: 'Let a device claim again.',
  drain: 'Let a device claim nothing more, to take it out of the fleet.',
};

export function deviceActRoutes(app: App, gateway: Gateway): void {
  for (const act of Object.keys(SUMMARIES) as DeviceAct[]) {
    app.route({
      method: 'POST',
      url: `/api/v1/devices/:device_id/${act}`,
      schema: {
        operationId: `${act}Device`,
        problems: ['E_NOT_FOUND', 'E_CONFLICT'],
        summary: SUMMARIES[act],
        tags: ['devices'],
        params: deviceParams,
        body: deviceActBody.prefault({}),
        response: { 200: deviceActAnswer },
      },
      preValidation: bodyOrNone,
      serializerCompiler: plainJson,
      async handler(request) {
        const expect = request.body.expect?.operator_state;
        return gateway.requests.use(async (context) => {
          const stated = await actOnDevice(context, request.params.device_id, act, { expect, by: callerOf(request) });
          return { ...stated, by: caller(request), ...envelope(request, await context.now()) };
        });
      },
    });
  }

  app.route({
    method: 'POST',
    url: '/api/v1/devices/:device_id/remove',
    schema: {
      operationId: 'removeDevice',
      problems: ['E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Remove the row of a device that is gone; its history stays.',
      tags: ['devices'],
      params: deviceParams,
      body: removeBody.prefault({}),
      response: { 200: removeAnswer },
    },
    preValidation: bodyOrNone,
    serializerCompiler: plainJson,
    async handler(request) {
      const { expect, force } = request.body;
      return gateway.requests.use(async (context) => {
        const { device_id } = request.params;
        const removed = await removeOneDevice(context, device_id, {
          ...{ force, expect: expect?.operator_state, by: callerOf(request) },
        });
        return { ...removed, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });
}
