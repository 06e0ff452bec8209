// What attempts of remote workers print and report: see http/device-reports.ts.
import { DeviceReports } from '../../core/gateway/devices/device-reports.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { deviceParams as params } from '../../http/device-contract.ts';
import * as contract from '../../http/device-reports.ts';
import { secretsAnswer, secretsBody } from '../../http/device-secrets.ts';
import type { App } from '../server/app-type.ts';

/** A batch has 1 MB of compressed lines, and a piece more. */
const LOGS_MOST = 8 * 1024 * 1024;
const tags = ['remote workers'];

export function remoteReportRoutes(app: App, gateway: Gateway): void {
  const reports = () => new DeviceReports(gateway.devices);
  const base = '/api/v1/devices/:device_id';

  app.route({
    method: 'POST',
    url: `${base}/logs`,
    bodyLimit: LOGS_MOST,
    schema: {
      operationId: 'writeLogs',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Store pieces of run logs, all or none.',
      tags,
      params,
      body: contract.logsBody,
      response: { 200: contract.logsAnswer },
    },
    handler: async ({ params: { device_id }, body }) => ({ left_out: await reports().logs(device_id, body) }),
  });

  app.route({
    method: 'POST',
    url: `${base}/logs/written`,
    schema: {
      operationId: 'writtenLogs',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Ask how far run logs are stored.',
      tags,
      params,
      body: contract.writtenBody,
      response: { 200: contract.writtenAnswer },
    },
    handler: async ({ params: { device_id }, body }) => ({
      written: await reports().written(device_id, body.attempts),
    }),
  });

  app.route({
    method: 'POST',
    url: `${base}/progress`,
    schema: {
      operationId: 'writeProgress',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Store how far attempts are.',
      tags,
      params,
      body: contract.progressBody,
      response: { 200: contract.progressAnswer },
    },
    handler: async ({ params: { device_id }, body }) => ({ count: await reports().progress(device_id, body.rows) }),
  });

  app.route({
    method: 'POST',
    url: `${base}/checkpoints`,
    schema: {
      operationId: 'writeCheckpoint',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Store a checkpoint for the next attempt of a task.',
      tags,
      params,
      body: contract.checkpointBody,
      response: { 200: contract.checkpointAnswer },
    },
    handler: async ({ body }) => ({ held: await reports().checkpoint(body) }),
  });

  app.route({
    method: 'POST',
    url: `${base}/checkpoints/read`,
    schema: {
      operationId: 'readCheckpoints',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Read what earlier attempts stored.',
      tags,
      params,
      body: contract.checkpointsBody,
      response: { 200: contract.checkpointsAnswer },
    },
    handler: async ({ params: { device_id }, body }) => ({
      checkpoints: await reports().checkpoints(device_id, body.task_ids),
    }),
  });

  app.route({
    method: 'POST',
    url: `${base}/checkpoints/delete`,
    schema: {
      operationId: 'deleteCheckpoint',
      problems: ['E_SUPERSEDED', 'E_NOT_FOUND', 'E_CONFLICT'],
      summary: 'Delete the checkpoint of a task that is done.',
      tags,
      params,
      body: contract.checkpointDeleteBody,
      response: { 200: contract.checkpointDeleteAnswer },
    },
    handler: async ({ params: { device_id }, body }) => ({
      deleted: await reports().deleteCheckpoint(device_id, body),
    }),
  });

  app.route({
    method: 'POST',
    url: `${base}/secrets`,
    schema: {
      operationId: 'readSecrets',
      problems: ['E_USAGE'],
      summary: 'Read the secrets that a task refers to, encrypted to a key of the worker.',
      tags,
      params,
      body: secretsBody,
      response: { 200: secretsAnswer },
    },
    handler: async ({ params: { device_id }, body }) => gateway.devices.secrets.read(device_id, body),
  });
}
