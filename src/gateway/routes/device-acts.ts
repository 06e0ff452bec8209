// What operators want of devices.
import { actOnDevice, type DeviceAct, removeOneDevice } from '../../core/devices/act-on-device.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { deviceActAnswer, deviceActBody, deviceParams, removeAnswer, removeBody } from '../../http/fleet-contract.ts';
import { caller, envelope, PLAIN } from '../answers.ts';
import type { App } from '../app.ts';

const SUMMARIES: Record<DeviceAct, string> = {
  pause: 'Lets a device claim nothing until it is resumed; what it runs goes on.',
  resume: 'Lets a device claim again.',
  drain: 'Lets a device claim nothing more; it is to be taken out of the fleet.',
};

export function deviceActRoutes(app: App, gateway: Gateway): void {
  for (const act of Object.keys(SUMMARIES) as DeviceAct[]) {
    app.route({
      method: 'POST',
      url: `/api/v1/devices/:device_id/${act}`,
      schema: {
        operationId: `${act}Device`,
        summary: SUMMARIES[act],
        tags: ['devices'],
        params: deviceParams,
        body: deviceActBody.prefault({}),
        response: { 200: deviceActAnswer },
      },
      ...PLAIN,
      async handler(request) {
        const expect = request.body.expect?.operator_state;
        return gateway.requests.use(async (context) => {
          const stated = await actOnDevice(context, request.params.device_id, act, expect);
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
      summary: 'Removes the row of a device that is gone; its history stays.',
      tags: ['devices'],
      params: deviceParams,
      body: removeBody.prefault({}),
      response: { 200: removeAnswer },
    },
    ...PLAIN,
    async handler(request) {
      const { expect, force } = request.body;
      return gateway.requests.use(async (context) => {
        const { device_id } = request.params;
        const removed = await removeOneDevice(context, device_id, { force, expect: expect?.operator_state });
        return { ...removed, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });
}
