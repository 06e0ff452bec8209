// How devices get their certificates.
import * as certificates from '../access/certificate-contract.ts';
import { deviceParams as params } from '../device-contract.ts';
import { operation } from './operation.ts';

export const CERTIFICATE_OPERATIONS = {
  enrollDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/enroll',
    body: certificates.enrollBody,
    answer: certificates.certificateAnswer,
    repeatable: true,
  }),
  renewCertificate: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/certificate',
    params,
    body: certificates.renewBody,
    answer: certificates.certificateAnswer,
    repeatable: true,
  }),
};
