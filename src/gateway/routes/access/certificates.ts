// Certificates that this gateway signs for devices.
import { type Authority, enrollDevice, renewCertificate } from '../../../core/certificates/issue-certificates.ts';
import { AfdError } from '../../../core/domain/errors.ts';
import type { Gateway } from '../../../core/gateway/gateway.ts';
import { certificateAnswer, enrollBody, renewBody } from '../../../http/access/certificate-contract.ts';
import { deviceParams } from '../../../http/device-contract.ts';
import { plainJson } from '../../hooks/plain-json.ts';
import { callerOf, envelope } from '../../server/answers.ts';
import type { App } from '../../server/app-type.ts';

const tags = ['devices'] as const;

export function certificateRoutes(app: App, gateway: Gateway): void {
  app.route({
    method: 'POST',
    url: '/api/v1/devices/enroll',
    schema: {
      operationId: 'enrollDevice',
      problems: ['E_NOT_FOUND', 'E_CONFLICT', 'E_ROLE'],
      summary: 'Get the first certificate of a device, by a code.',
      description:
        'A code is for one public key: the same request may be sent again until the code expires. Needs `server.client_ca_key`.',
      tags,
      body: enrollBody,
      response: { 200: certificateAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const authority = signing(app);
      return gateway.requests.use(async (context) => {
        const now = await context.now();
        return {
          ...(await enrollDevice(context, authority, request.body, now, callerOf(request))),
          ...envelope(request, now),
        };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/devices/:device_id/certificate',
    schema: {
      operationId: 'renewCertificate',
      problems: ['E_CONFLICT'],
      summary: 'Get the next certificate of a device, over a connection that shows its present one.',
      tags,
      params: deviceParams,
      body: renewBody,
      response: { 200: certificateAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { device } = request;
      if (device === undefined)
        throw new AfdError('E_CONFLICT', 'A certificate is renewed over a connection that shows the present one.');
      const authority = signing(app);
      const asked = { device_id: device.id, fingerprint: device.fingerprint, csr: request.body.csr };
      return gateway.requests.use(async (context) => {
        const now = await context.now();
        return { ...(await renewCertificate(context, authority, asked, now)), ...envelope(request, now) };
      });
    },
  });
}

/** @throws AfdError E_CONFLICT */
function signing(app: App): Authority {
  const { signs } = app.certificates;
  if (signs !== undefined) return signs;
  throw new AfdError('E_CONFLICT', 'This gateway signs no certificates: server.client_ca_key is not set.');
}
