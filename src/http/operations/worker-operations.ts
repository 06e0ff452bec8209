// What workers ask: the calls of the design document, and those of `afd worker --gateway`.
import { z } from 'zod';
import * as device from '../device-contract.ts';
import * as life from '../device-life.ts';
import * as reports from '../device-reports.ts';
import * as secrets from '../device-secrets.ts';
import * as results from '../results.ts';
import { operation } from './operation.ts';

const { deviceParams: params } = device;

export const WORKER_OPERATIONS = {
  registerDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/register',
    body: life.registerBody,
    answer: life.registerAnswer,
  }),
  heartbeat: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/heartbeat',
    params,
    body: life.heartbeatBody,
    answer: life.heartbeatAnswer,
    repeatable: true,
  }),
  signOff: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/sign-off',
    params,
    body: life.signOffBody,
    answer: life.signOffAnswer,
    repeatable: true,
  }),
  nextTask: operation({
    method: 'GET',
    path: '/api/v1/tasks/next',
    query: results.nextQuery,
    answer: z.union([results.nextTask, results.nextTasks]),
    repeatable: false,
  }),
  putResult: operation({
    method: 'POST',
    path: '/api/v1/tasks/{task_id}/result',
    params: results.resultParams,
    body: results.resultBody,
    answer: results.resultAnswer,
    repeatable: true,
  }),
  putResults: operation({
    method: 'POST',
    path: '/api/v1/tasks/results',
    body: results.resultsBody,
    answer: results.resultsAnswer,
    repeatable: true,
  }),
  wait: operation({
    method: 'GET',
    path: '/api/v1/devices/{device_id}/wait',
    params,
    query: device.waitQuery,
    answer: device.waitAnswer,
  }),
  exchange: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/exchange',
    params,
    body: device.exchangeBody,
    answer: device.exchangeAnswer,
  }),
  recover: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/recover',
    params,
    body: device.recoverBody,
    answer: device.recoverAnswer,
    repeatable: true,
  }),
  starts: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/starts',
    params,
    body: device.startsBody,
    answer: device.startsAnswer,
    repeatable: true,
  }),
  payload: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/payload',
    params,
    body: device.payloadBody,
    answer: device.payloadAnswer,
    repeatable: true,
  }),
  deliver: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/deliver',
    params,
    body: device.deliverBody,
    answer: device.deliverAnswer,
  }),
  writeLogs: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/logs',
    params,
    body: reports.logsBody,
    answer: reports.logsAnswer,
  }),
  writtenLogs: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/logs/written',
    params,
    body: reports.writtenBody,
    answer: reports.writtenAnswer,
    repeatable: true,
  }),
  writeProgress: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/progress',
    params,
    body: reports.progressBody,
    answer: reports.progressAnswer,
    repeatable: true,
  }),
  writeCheckpoint: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/checkpoints',
    params,
    body: reports.checkpointBody,
    answer: reports.checkpointAnswer,
    repeatable: true,
  }),
  readCheckpoints: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/checkpoints/read',
    params,
    body: reports.checkpointsBody,
    answer: reports.checkpointsAnswer,
    repeatable: true,
  }),
  deleteCheckpoint: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/checkpoints/delete',
    params,
    body: reports.checkpointDeleteBody,
    answer: reports.checkpointDeleteAnswer,
    repeatable: true,
  }),
  readSecrets: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/secrets',
    params,
    body: secrets.secretsBody,
    answer: secrets.secretsAnswer,
    repeatable: true,
  }),
};
