// The fleet as a whole: its state, its leader, its lanes and its settings.

import { lanesReader } from '../../core/fleet/lanes.ts';
import { overviewReader } from '../../core/fleet/overview.ts';
import type { Gateway } from '../../core/gateway/gateway.ts';
import { SharedRead } from '../../core/gateway/shared-read.ts';
import { leaderStatus, resignLeadership } from '../../core/leader/status-and-resign.ts';
import { changeFleetValues, fleetValues } from '../../core/settings/fleet-values.ts';
import { fleetStatus } from '../../core/status.ts';
import {
  lanesAnswer,
  leaderAnswer,
  overviewAnswer,
  resignAnswer,
  resignBody,
  settingsAnswer,
  settingsBody,
  settingsChanged,
  statusAnswer,
} from '../../http/fleet-contract.ts';
import { plainJson } from '../hooks/plain-json.ts';
import { bodyOrNone, caller, callerOf, envelope, sharedEnvelope, tagged } from '../server/answers.ts';
import type { App } from '../server/app-type.ts';

/** How long an answer serves everybody who asks. */
const OVERVIEW_MS = 1000;
const LANES_MS = 1000;
const STATUS_MS = 2000;

export function fleetRoutes(app: App, gateway: Gateway): void {
  const overview = new SharedRead(OVERVIEW_MS, reading(gateway, overviewReader()));
  const lanes = new SharedRead(LANES_MS, reading(gateway, lanesReader()));
  const status = new SharedRead(STATUS_MS, () =>
    gateway.requests.use(async (context) => ({ ...(await fleetStatus(context)), now: await context.now() })),
  );

  app.route({
    method: 'GET',
    url: '/api/v1/overview',
    schema: {
      operationId: 'overview',
      summary: 'Read the fleet in a few figures: one read a second for all who ask.',
      tags: ['fleet'],
      response: { 200: overviewAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const shared = await overview.get();
      const { now: _, ...data } = shared.value;
      return tagged(request, reply, data, sharedEnvelope(request, shared)) as never;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/status',
    schema: {
      operationId: 'fleetStatus',
      summary: 'Read whether all is well, and if not, why; as `afd status`. Read every two seconds at most.',
      tags: ['fleet'],
      response: { 200: statusAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const shared = await status.get();
      const { now: _, in_progress, ...rest } = shared.value;
      const running = in_progress.map((one) => ({ ...one, task_id: String(one.task_id) }));
      return { ...rest, in_progress: running, ...sharedEnvelope(request, shared) };
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/lanes',
    schema: {
      operationId: 'listLanes',
      summary: 'List the lanes with pending tasks, by priority, and how many devices can run each.',
      tags: ['fleet'],
      response: { 200: lanesAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const shared = await lanes.get();
      const { now: _, complete } = shared.value;
      const shown = shared.value.lanes.map((one) => ({ ...one, head_task_id: String(one.head_task_id) }));
      return tagged(request, reply, { lanes: shown, complete }, sharedEnvelope(request, shared)) as never;
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/leader',
    schema: {
      operationId: 'leader',
      summary: 'Read who leads, and which of its duties fail.',
      tags: ['fleet'],
      response: { 200: leaderAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const leader = await leaderStatus(context);
        return { leader, ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/leader/resign',
    schema: {
      operationId: 'resignLeader',
      problems: ['E_CONFLICT'],
      summary: 'Make the leader step down; another node takes over.',
      tags: ['fleet'],
      body: resignBody.prefault({}),
      response: { 200: resignAnswer },
    },
    preValidation: bodyOrNone,
    serializerCompiler: plainJson,
    async handler(request) {
      return gateway.requests.use(async (context) => {
        const resigned = await resignLeadership(context, callerOf(request), request.body.expect);
        return { ...resigned, by: caller(request), ...envelope(request, await context.now()) };
      });
    },
  });

  app.route({
    method: 'GET',
    url: '/api/v1/settings',
    schema: {
      operationId: 'settings',
      summary: 'Read the values that all nodes share.',
      tags: ['fleet'],
      response: { 200: settingsAnswer },
    },
    serializerCompiler: plainJson,
    async handler(request, reply) {
      const { settings, now } = await gateway.requests.use(async (context) => ({
        settings: await fleetValues(context),
        now: await context.now(),
      }));
      return tagged(request, reply, { settings }, envelope(request, now)) as never;
    },
  });

  app.route({
    method: 'PUT',
    url: '/api/v1/settings',
    schema: {
      operationId: 'changeSettings',
      problems: ['E_CONFLICT'],
      summary: 'Change values that all nodes share: all that are given, or none.',
      description: 'As `afd config apply`: each node uses them from its next heartbeat on. What is not named stays.',
      tags: ['fleet'],
      body: settingsBody,
      response: { 200: settingsChanged },
    },
    serializerCompiler: plainJson,
    async handler(request) {
      const { values, expect = {} } = request.body;
      const by = callerOf(request);
      return gateway.requests.use(async (context) => {
        const { changes, warnings } = await changeFleetValues(context, { values, expect, by });
        const said = changes.map(({ key, from, to }) => ({ key, from, to }));
        return { changes: said, warnings, by: by.label, ...envelope(request, await context.now()) };
      });
    },
  });
}

function reading<T>(gateway: Gateway, read: Parameters<typeof gateway.requests.use<T>>[0]): () => Promise<T> {
  return () => gateway.requests.use(read);
}
