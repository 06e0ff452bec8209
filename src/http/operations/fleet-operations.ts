// Devices as their operators see them, and the fleet as a whole.
import * as admin from '../admin.ts';
import { deviceParams as params } from '../device-contract.ts';
import * as fleet from '../fleet-contract.ts';
import { operation } from './operation.ts';

export const FLEET_OPERATIONS = {
  listDevices: operation({
    method: 'GET',
    path: '/api/v1/devices',
    query: fleet.devicesQuery,
    answer: fleet.devicesAnswer,
    rows: 'devices',
  }),
  deviceMap: operation({ method: 'GET', path: '/api/v1/devices/map', answer: fleet.mapAnswer }),
  showDevice: operation({
    method: 'GET',
    path: '/api/v1/devices/{device_id}',
    params,
    query: fleet.deviceQuery,
    answer: fleet.deviceAnswer,
  }),
  pauseDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/pause',
    params,
    body: fleet.deviceActBody.prefault({}),
    answer: fleet.deviceActAnswer,
  }),
  resumeDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/resume',
    params,
    body: fleet.deviceActBody.prefault({}),
    answer: fleet.deviceActAnswer,
  }),
  drainDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/drain',
    params,
    body: fleet.deviceActBody.prefault({}),
    answer: fleet.deviceActAnswer,
  }),
  removeDevice: operation({
    method: 'POST',
    path: '/api/v1/devices/{device_id}/remove',
    params,
    body: fleet.removeBody.prefault({}),
    answer: fleet.removeAnswer,
  }),
  overview: operation({ method: 'GET', path: '/api/v1/overview', answer: fleet.overviewAnswer }),
  fleetStatus: operation({ method: 'GET', path: '/api/v1/status', answer: fleet.statusAnswer }),
  listLanes: operation({ method: 'GET', path: '/api/v1/lanes', answer: fleet.lanesAnswer }),
  leader: operation({ method: 'GET', path: '/api/v1/leader', answer: fleet.leaderAnswer }),
  resignLeader: operation({
    method: 'POST',
    path: '/api/v1/leader/resign',
    body: fleet.resignBody.prefault({}),
    answer: fleet.resignAnswer,
  }),
  settings: operation({ method: 'GET', path: '/api/v1/settings', answer: fleet.settingsAnswer }),
  changeSettings: operation({
    method: 'PUT',
    path: '/api/v1/settings',
    body: fleet.settingsBody,
    answer: fleet.settingsChanged,
  }),
  adminDevices: operation({
    method: 'GET',
    path: '/api/v1/admin/devices',
    query: admin.adminDevicesQuery,
    answer: admin.adminDevices,
  }),
  adminAssignments: operation({
    method: 'GET',
    path: '/api/v1/admin/tasks/assignments',
    query: admin.assignmentsQuery,
    answer: admin.assignments,
  }),
};
